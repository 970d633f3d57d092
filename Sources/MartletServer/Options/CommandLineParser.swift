/// Turns the words of the command line into `ServerSettings`, with the rows of `OptionTable` as its only knowledge.
///
/// The spelling rules are those of `getopt_long`:
/// 1. Short options may be joined (`-vvd`); one that takes an argument takes the rest of its word or the next word.
/// 2. Long options take theirs behind `=` or as the next word, and may be cut short as long as one name fits.
/// 3. `--` ends the options. Words that are no options are remarked upon and ignored.
/// 4. Options count in the order given: a later one overrides an earlier one, and the first mistake ends the start,
///    unless an earlier `-h`, `-i` or `-V` has ended it with a text.
/// 5. What the environment says counts as if it stood in front of the command line
///    (CommandLineParser+Surroundings.swift), but mistakes and texts of the command line come first.
/// 6. `-o` may be repeated; its list is split at commas, each part a name, or a name and a value joined by `=`.
package struct CommandLineParser {
    /// What a command line asks for.
    package enum Outcome: Sendable {
        /// `remarks` are for stderr: things accepted that will not do what their user may expect.
        case run(ServerSettings, remarks: [String])
        /// For stdout; then exit 0.
        case print(OptionArgument.PrintedText)
    }

    var settings = ServerSettings()
    /// Names of the options that have been applied.
    private(set) var given: Set<String> = []
    private var remarks: [String] = []
    private var words: ArraySlice<String>
    private var printed: OptionArgument.PrintedText?

    /// Parses `words`, the command line without the program's name.
    package static func parse(
        _ words: [String], in surroundings: Surroundings = Surroundings()
    ) throws(StartError) -> Outcome {
        var alone = CommandLineParser(words: words[...])
        try alone.parseWords()
        if let printed = alone.printed { return .print(printed) }
        var parser = CommandLineParser(words: words[...])
        try parser.applyVariables(surroundings, besides: alone.given)
        try parser.parseWords()
        parser.adaptToContainer(surroundings)
        try parser.settings.settle(remarks: &parser.remarks)
        return .run(parser.settings, remarks: parser.remarks)
    }

    private init(words: ArraySlice<String>) { self.words = words }

    // MARK: Words

    private mutating func parseWords() throws(StartError) {
        while printed == nil, let word = words.popFirst() {
            if word == "--" {
                while let rest = words.popFirst() { remarkIgnored(rest) }
            } else if word.hasPrefix("--") {
                try parseLong(word.dropFirst(2))
            } else if word.hasPrefix("-"), word != "-" {
                try parseShort(word.dropFirst())
            } else {
                remarkIgnored(word)
            }
        }
    }

    private mutating func remarkIgnored(_ word: String) {
        remarks.append("\"\(word)\" is no option and is ignored")
    }

    private mutating func parseLong(_ text: Substring) throws(StartError) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts[0]
        let option = try Self.longOption(String(name))
        let joined = parts.count > 1 ? String(parts[1]) : nil
        guard option.argument.isRequired else {
            // memcached declares an optional argument for --verbose alone, and ignores it.
            if joined != nil, option.letter != "v" {
                throw StartError("--\(option.name) takes no argument", status: ExitStatus.failure)
            }
            return try apply(option, nil)
        }
        guard let value = joined ?? words.popFirst() else {
            throw StartError("--\(option.name) requires an argument", status: ExitStatus.failure)
        }
        try apply(option, value)
    }

    private static func longOption(_ name: String) throws(StartError) -> Option {
        if let exact = OptionTable.options.first(where: { $0.name == name }) { return exact }
        let fitting = OptionTable.options.filter { $0.name.hasPrefix(name) }
        if fitting.count == 1 { return fitting[0] }
        guard fitting.isEmpty else {
            let names = fitting.map { "--\($0.name)" }.joined(separator: ", ")
            throw StartError("--\(name) is ambiguous: \(names)", status: ExitStatus.failure)
        }
        throw StartError("Illegal argument \"--\(name)\"; -h lists all options", status: ExitStatus.failure)
    }

    private mutating func parseShort(_ letters: Substring) throws(StartError) {
        var rest = letters
        while printed == nil, let letter = rest.popFirst() {
            guard let option = OptionTable.options.first(where: { $0.letter == letter }) else {
                throw StartError("Illegal argument \"-\(letter)\"; -h lists all options", status: ExitStatus.failure)
            }
            guard option.argument.isRequired else {
                try apply(option, nil)
                continue
            }
            guard let value = rest.isEmpty ? words.popFirst() : String(rest) else {
                throw StartError("-\(letter) requires an argument", status: ExitStatus.failure)
            }
            return try apply(option, value)
        }
    }

    // MARK: Sub-options

    private mutating func parseExtended(_ list: String) throws(StartError) {
        guard !list.isEmpty else { return }
        var parts = list.split(separator: ",", omittingEmptySubsequences: false)
        // A comma at the very end is harmless; two in a row are a part without a name.
        if parts.last?.isEmpty == true { parts.removeLast() }
        for part in parts {
            let pieces = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let option = OptionTable.extended.first(where: { $0.name == pieces[0] }) else {
                throw StartError("Illegal suboption \"\(part)\"; -h lists them", status: ExitStatus.failure)
            }
            let value = pieces.count > 1 ? String(pieces[1]) : nil
            if value == nil, option.argument.isRequired, !option.isNotOffered {
                throw StartError("-o \(option.name) requires a value", status: ExitStatus.failure)
            }
            if let value, !option.argument.isAccepted {
                remarks.append("-o \(option.name) takes no value; \"\(value)\" is ignored")
                try apply(option, nil)
            } else {
                try apply(option, value)
            }
        }
    }

    // MARK: Values

    mutating func apply(_ option: Option, _ argument: String?) throws(StartError) {
        given.insert(option.name)
        if case .notOffered(let sentence) = option.standing {
            throw StartError("\(option.spelling): \(sentence)", status: option.status)
        }
        let value = String((argument ?? "").drop(while: \.isWhitespace))
        switch option.argument {
        case .extended: try parseExtended(value)
        case .print(let text): printed = text
        default:
            guard settings.apply(option.argument, value) else {
                throw StartError("\(option.spelling): \(option.complaint(about: value))", status: option.status)
            }
        }
        if option.letter == "p" { settings.isTCPPortGiven = true }
        if option.letter == "B" { settings.isProtocolGiven = true }
    }
}
