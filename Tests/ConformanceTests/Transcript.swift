import Glibc

/// A file of cases, as `Transcripts/README.md` describes it.
struct Transcript: Sendable {
    let name: String
    /// How the server must have been started.
    let options: [String]
    let cases: [Case]

    struct Case: Sendable {
        let name: String
        let steps: [Step]
        /// Servers it is left out with, and servers it is for (empty: all).
        let not: [String]
        let only: [String]

        func applies(to flavour: ServerFlavour) -> Bool {
            let names = flavour.names
            return !names.contains { not.contains($0) } && (only.isEmpty || names.contains { only.contains($0) })
        }
    }

    /// One line of a case.
    struct Step: Sendable {
        enum Action: Sendable {
            case send(WireText)
            case expect(WireText)
            case connection(String)
            case expectClosed
            case advance(seconds: UInt32)
            case counts([String: Int])
        }

        let line: Int
        /// Servers it is for; empty: all.
        let flavours: [String]
        let action: Action

        func applies(to flavour: ServerFlavour) -> Bool {
            flavours.isEmpty || flavour.names.contains { flavours.contains($0) }
        }
    }

    struct Mistake: Error, CustomStringConvertible {
        let file: String
        let line: Int
        let text: String
        var description: String { "\(file):\(line): \(text)" }
    }
}

extension Transcript {
    /// All transcripts beside this file, by name.
    static let names: [String] = {
        var names: [String] = []
        guard let folder = opendir(String(folderPath)) else { return [] }
        defer { closedir(folder) }
        while let member = readdir(folder) {
            let name = withUnsafePointer(to: &member.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(suffix) { names.append(String(name.dropLast(suffix.count))) }
        }
        return names.sorted()
    }()

    private static let suffix = ".transcript"
    private static let folderPath = #filePath.dropLast("Transcript.swift".count) + "Transcripts"

    init(named name: String) throws {
        let path = Self.folderPath + "/" + name + Self.suffix
        guard let file = fopen(path, "r") else { throw Mistake(file: name, line: 0, text: "cannot be read") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&piece, 1, piece.count, file)
            if count == 0 { break }
            bytes += piece[..<count]
        }
        try self.init(name: name, text: String(decoding: bytes, as: UTF8.self))
    }

    init(name: String, text: String) throws {
        var options: [String] = []
        var cases: [Case] = []
        var title: String?
        var steps: [Step] = []
        var not: [String] = []
        var only: [String] = []
        func finish() {
            if let title { cases.append(Case(name: title, steps: steps, not: not, only: only)) }
            (steps, not, only) = ([], [], [])
        }
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("options:") {
                options = line.dropFirst(8).split(separator: " ").map(String.init)
            } else if line.hasPrefix("== ") {
                finish()
                title = String(line.dropFirst(3))
            } else if line.hasPrefix("@ not ") {
                not += Self.serverNames(line.dropFirst(6))
            } else if line.hasPrefix("@ only ") {
                only += Self.serverNames(line.dropFirst(7))
            } else {
                guard let step = try Self.step(line, number) else {
                    throw Mistake(file: name, line: number, text: "not understood: \(line)")
                }
                steps.append(step)
            }
        }
        finish()
        self.init(name: name, options: options, cases: cases)
    }

    /// The names in front of the reason.
    private static func serverNames(_ text: Substring) -> [String] {
        text.prefix { $0 != ":" }.split(separator: " ").map(String.init)
    }

    private static func step(_ line: Substring, _ number: Int) throws -> Step? {
        let prefix = line.prefix { $0.isLetter || $0 == "," }
        let flavours = prefix.split(separator: ",").map(String.init)
        let rest = line.dropFirst(prefix.count)
        guard let action = try action(rest) else { return nil }
        return Step(line: number, flavours: flavours, action: action)
    }

    private static func action(_ text: Substring) throws -> Step.Action? {
        if text.hasPrefix(">>") { return .send(try WireText(argument(text.dropFirst(2)))) }
        if text.hasPrefix(">") { return .send(try WireText(argument(text.dropFirst(1)) + "\\r\\n")) }
        if text.hasPrefix("<<") { return .expect(try WireText(argument(text.dropFirst(2)))) }
        if text.hasPrefix("<") { return .expect(try WireText(argument(text.dropFirst(1)) + "\\r\\n")) }
        let words = text.split(separator: " ").map(String.init)
        guard words.count > 1, words[0] == "@" else { return nil }
        switch (words[1], words.count) {
        case ("connection", 3): return .connection(words[2])
        case ("closed", 2): return .expectClosed
        case ("time", 3): return UInt32(words[2].dropFirst()).map { .advance(seconds: $0) }
        case ("counts", _):
            var counts: [String: Int] = [:]
            for index in stride(from: 2, to: words.count - 1, by: 2) { counts[words[index]] = Int(words[index + 1]) }
            return .counts(counts)
        default: return nil
        }
    }

    /// One space separates the sign from the text.
    private static func argument(_ text: Substring) -> Substring { text.hasPrefix(" ") ? text.dropFirst() : text }
}

/// Which server answers, as far as the answers differ.
enum ServerFlavour: Sendable {
    case martlet, memcached, older

    /// The names that stand for it in transcripts.
    var names: [String] {
        switch self {
        case .martlet: ["martlet"]
        case .memcached: ["memcached"]
        case .older: ["memcached", "older"]
        }
    }

    init(version: String) {
        self = version.hasSuffix("-martlet") ? .martlet : version.hasPrefix("1.6.45") ? .memcached : .older
    }
}
