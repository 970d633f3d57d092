import ArgumentParser

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The words of the command line. Keys and values may be any bytes; Swift's own list has U+FFFD for those that are not
/// UTF-8, and what is looked for or stored would be something else.
///
/// 1. The parser takes strings only. In that of a word that is not UTF-8 each byte above ASCII is a scalar of a private
///    range; and so in that of a word with such a scalar, so that no two words have the same string.
/// 2. `ArgumentBytes` has the bytes again.
/// 3. Who gives such a word for anything else (a file, a server) is told so: `check`.
enum CommandWords {
    /// Behind the program's name.
    static var given: [String] {
        (1..<max(1, Int(CommandLine.argc))).compactMap { index in
            CommandLine.unsafeArgv[index].map { word in
                text(of: (0..<strlen(word)).map { UInt8(bitPattern: word[$0]) })
            }
        }
    }

    /// Rule 3, for a command that was made of the words.
    static func check(_ words: [String], _ command: ParsableCommand) throws {
        let taken = (command as? BytesCommand)?.argumentBytes ?? []
        guard words.count(where: hasStandIns) == taken.count(where: { !$0.isText }) else {
            throw ValidationError("an argument is not UTF-8: only keys, values, --prefix and --like may be any bytes")
        }
    }

    /// A misspelt command is named, with those that there are; the parser would count its arguments only.
    static func checkCommand(_ words: [String], _ command: ParsableCommand.Type) throws {
        let subcommands = command.configuration.subcommands
        guard !subcommands.isEmpty, let word = words.first, !word.hasPrefix("-"), word != "help" else { return }
        let names = subcommands.map { $0._commandName }
        guard let index = names.firstIndex(of: word) else {
            let shown = KeyText.shown(bytes(of: word))
            throw ValidationError("there is no command '\(shown)'; there are \(names.joined(separator: ", "))")
        }
        try checkCommand(Array(words.dropFirst()), subcommands[index])
    }

    static func text(of bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self), !hasStandIns(text) { return text }
        return bytes.reduce(into: "") { text, byte in
            text.unicodeScalars.append(
                byte < 0x80 ? Unicode.Scalar(byte) : Unicode.Scalar(standInBase + UInt32(byte)) ?? "?")
        }
    }

    static func bytes(of text: String) -> [UInt8] {
        guard hasStandIns(text) else { return Array(text.utf8) }
        return text.unicodeScalars.map {
            UInt8(truncatingIfNeeded: standIns.contains($0) ? $0.value - standInBase : $0.value)
        }
    }

    static func hasStandIns(_ text: String) -> Bool { text.unicodeScalars.contains(where: standIns.contains) }

    private static let standInBase: UInt32 = 0x10FE00
    private static let standIns: ClosedRange<Unicode.Scalar> = "\u{10FE80}"..."\u{10FEFF}"
}

/// A word of any bytes.
struct ArgumentBytes: ExpressibleByArgument {
    let bytes: [UInt8]
    let isText: Bool

    init(argument: String) {
        bytes = CommandWords.bytes(of: argument)
        isText = !CommandWords.hasStandIns(argument)
    }

    /// As it was typed, or with numbers for what is no text.
    var shown: String { String(validating: bytes, as: UTF8.self) ?? KeyText.shown(bytes) }
}

/// A command that takes words of any bytes.
protocol BytesCommand {
    /// All of them.
    var argumentBytes: [ArgumentBytes] { get }
}
