/// A difference that is deliberate, and how the sentence about it in `docs/differences.md` begins or goes on.
package struct AllowedDifference: Sendable {
    /// A place where two servers differ. Text of the wire as Latin-1, so that every byte is a character.
    package struct Finding: Sendable {
        /// What was asked before of the first command's key, since everything was last forgotten.
        package var earlier: [String] = []
        package let commands: [String]
        package let expected: String
        package let found: String
        package let expectedCloses: Bool
        package let foundCloses: Bool
        /// The one who is right ended the connection, with less said than the other, who ended it too.
        package var isCutShort = false

        package init(commands: [String], expected: String, found: String, expectedCloses: Bool, foundCloses: Bool) {
            self.commands = commands
            self.expected = expected
            self.found = found
            self.expectedCloses = expectedCloses
            self.foundCloses = foundCloses
        }

        /// The words of the first command's line.
        var words: [Substring] {
            (commands.first ?? "").prefix { !$0.isNewline }.split(separator: " ")
        }
    }

    package let sentence: String
    let allows: @Sendable (Finding) -> Bool

    /// The first that allows a finding; nil if none does.
    package static func allowing(_ finding: Finding) -> AllowedDifference? { all.first { $0.allows(finding) } }

    init(_ sentence: String, allows: @escaping @Sendable (Finding) -> Bool) {
        self.sentence = sentence
        self.allows = allows
    }

    static let storageVerbs = ["set", "add", "replace", "append", "prepend", "cas", "ms"]

    static func verb(_ command: String) -> String { String(command.prefix { $0 != " " && !$0.isNewline }) }

    static func hasLongKey(_ command: String, of verbs: [String]) -> Bool {
        verbs.contains(verb(command))
            && command.split(separator: " ").contains { $0.unicodeScalars.count > WireBounds.keyBytesMax }
    }

    /// White space that is no separator, or a zero byte, or a sign that is none or has no digits.
    static func hasSpacedNumber(_ command: String) -> Bool {
        let line = Array(command.unicodeScalars.prefix { $0 != "\n" })
        return line.indices.dropFirst().contains { index in
            if line[index - 1] == " ", line[index] == "+" { return true }
            if line[index - 1] == "-", line[index] == " " || line[index] == "\r" { return true }
            return ["\t", "\u{0}", "\u{0B}", "\u{0C}"].contains(line[index])
                || line[index] == "\r" && index < line.count - 1
        }
    }

    static func withoutMarks(_ answer: String) -> String {
        answer.split(separator: " ", omittingEmptySubsequences: false)
            .filter { !["W", "Z", "X", "W\r\n", "Z\r\n", "X\r\n"].contains($0) }
            .map { word in word.hasPrefix("c") ? "c" : word.filter { !$0.isNewline } }.joined(separator: " ")
    }

    static func hasLongLine(_ command: String) -> Bool {
        command.split(whereSeparator: \.isNewline).contains { $0.unicodeScalars.count > 2040 }
    }

    static func words(_ command: String) -> [Substring] {
        command.prefix { !$0.isNewline }.split(separator: " ")
    }

    static func withoutFetched(_ answer: String) -> String {
        answer.split { $0 == " " || $0.isNewline }.filter { !["h0", "h1", "fetch=yes", "fetch=no"].contains($0) }
            .map {
                $0.hasPrefix("cas=") || $0.hasPrefix("size=") || $0.hasPrefix("cls=") || $0.hasPrefix("c")
                    ? "" : String($0)
            }
            .joined(separator: " ")
    }

    static func isBeyond32Bits(_ word: Substring) -> Bool {
        guard let number = Double(word.filter { $0 != "\r" }) else { return false }
        return number > 2_147_483_647 || number < -2_147_483_648
    }

    private enum WireBounds { static let keyBytesMax = 250 }
}
