/// One option of the command line, or one sub-option of `-o`: all that is known about it, in one row.
///
/// `CommandLineParser` reads the rows to parse, `OptionHelp` to print `-h`, `OptionDocumentation` to write
/// `docs/options.md`, and `SettingsReport` answers `stats settings` under the names the rows give.
package struct Option: Sendable {
    /// Long name (`--port`), or the name behind `-o`.
    package let name: String
    /// Short name; `nil` for sub-options, and for what memcached has no letter for.
    package let letter: Character?
    package let argument: OptionArgument
    /// What help texts show for the argument, such as `<num>`.
    package let placeholder: String
    package let standing: OptionStanding
    package let summary: String
    /// Where `stats settings` shows it.
    package let setting: String?
    /// Exit status for a value that cannot be used.
    package let status: Int32
    /// Not printed by `-h`.
    package let isHidden: Bool
    /// Whether it stands behind `-o`.
    package let isExtended: Bool

    package init(
        _ name: String, _ letter: Character?, _ argument: OptionArgument, _ placeholder: String = "",
        standing: OptionStanding = .applied, setting: String? = nil, status: Int32 = ExitStatus.failure,
        isHidden: Bool = false, isExtended: Bool = false, help summary: String
    ) {
        self.name = name
        self.letter = letter
        self.argument = argument
        self.placeholder = placeholder
        self.standing = standing
        self.summary = summary
        self.setting = setting
        self.status = status
        self.isHidden = isHidden
        self.isExtended = isExtended
    }

    /// A sub-option of `-o`.
    package init(
        _ name: String, _ argument: OptionArgument, _ placeholder: String = "", standing: OptionStanding = .applied,
        setting: String? = nil, status: Int32 = ExitStatus.failure, isHidden: Bool = false, help summary: String
    ) {
        self.init(
            name, nil, argument, placeholder, standing: standing, setting: setting, status: status,
            isHidden: isHidden, isExtended: true, help: summary)
    }

    package var isNotOffered: Bool {
        if case .notOffered = standing { return true }
        return false
    }

    /// How messages call it: `-t`, the long name, or the sub-option's name.
    package var spelling: String { letter.map { "-\($0)" } ?? (isExtended ? "-o \(name)" : "--\(name)") }
}

/// What an option does here.
package enum OptionStanding: Sendable, Equatable {
    /// It means what it means in memcached.
    case applied
    /// Checked and accepted; nothing depends on it. The sentence says why.
    case withoutMeaning(String)
    /// Ends the start with this sentence.
    case notOffered(String)
}

/// What follows an option, where it goes and which values are allowed.
package enum OptionArgument: Sendable {
    package typealias Path<Value> = WritableKeyPath<ServerSettings, Value> & Sendable

    case on(Path<Bool>)
    case off(Path<Bool>)
    /// Every occurrence adds one.
    case counted(Path<Int>)
    /// A whole number in the range, kept multiplied by `scale`.
    case number(Path<Int>, ClosedRange<Int>, scale: Int = 1)
    /// As `number`, kept in an optional.
    case numberIfGiven(Path<Int?>, ClosedRange<Int>, scale: Int = 1)
    /// As `number`; without a value it means `absent`.
    case numberOr(Path<Int>, ClosedRange<Int>, absent: Int)
    /// A decimal fraction over `above`, at most `upTo`.
    case fraction(Path<Double>, above: Double, upTo: Double)
    case octal(Path<Int>, ClosedRange<Int>)
    /// Bytes, with an optional `k` or `m` behind the number.
    case size(Path<Int>, ClosedRange<Int>)
    case text(Path<String?>)
    /// A file's name, or that of one to be.
    case file(Path<String?>)
    /// The first byte of a text; given, it also turns a setting on.
    case byte(Path<UInt8>, alsoSets: Path<Bool>)
    /// Comma-separated texts, added to those given before.
    case texts(Path<[String]>)
    /// Ascending numbers, joined by hyphens.
    case ascending(Path<[Int]>)
    case choice(Path<String>, [String])
    /// Sets several settings at once.
    case preset(@Sendable (inout ServerSettings) -> Void)
    case print(PrintedText)
    /// A number in the range, checked and forgotten.
    case checkedNumber(ClosedRange<Int>)
    /// Nothing, or anything: forgotten.
    case ignored
    case ignoredText
    /// The list behind `-o`.
    case extended

    /// Texts that are printed in place of a start.
    package enum PrintedText: Sendable { case help, license, version, hashedPasswords }

    /// Whether an argument has to follow.
    package var isRequired: Bool {
        switch self {
        case .on, .off, .counted, .preset, .print, .ignored, .numberOr: false
        default: true
        }
    }

    /// Whether a value is used when one is joined on (`--name=value`, `name=value`).
    package var isAccepted: Bool {
        if case .numberOr = self { return true }
        return isRequired
    }
}
