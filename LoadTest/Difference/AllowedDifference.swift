/// A difference that is deliberate, and how the sentence about it in `docs/differences.md` begins or goes on.
package struct AllowedDifference: Sendable {
    /// A place where two servers differ. Text of the wire as Latin-1, so that every byte is a character.
    package struct Finding: Sendable {
        /// What was asked before of the first command's keys, since everything was last forgotten.
        package var earlier: [String] = []
        package let commands: [String]
        package var expected: String
        package var found: String
        package let expectedCloses: Bool
        package let foundCloses: Bool
        /// The one who is right ended the connection, with less said than the other, who ended it too.
        package var isCutShort = false
        /// Every command since everything was last forgotten, its own batch included.
        package var epoch: [String] = []

        package init(commands: [String], expected: String, found: String, expectedCloses: Bool, foundCloses: Bool) {
            self.commands = commands
            self.expected = expected
            self.found = found
            self.expectedCloses = expectedCloses
            self.foundCloses = foundCloses
        }

        /// The command that is answered differently. Others are in `commands` where their answers cannot be told apart,
        /// and all that follow where a connection ended.
        var first: AskedCommand { AskedCommand(commands.first ?? "") }

        /// The first command and what cannot be told from it: the next ones, while each is taken for part of the one
        /// before.
        var merged: ArraySlice<AskedCommand> {
            let all = commands.map { AskedCommand($0) }
            let end = all.firstIndex(where: \.isWhole) ?? all.count - 1
            return all[...min(end, all.count - 1)]
        }

        /// Commands that may have left what differs: `earlier`, and those whose answers cannot be told from the first
        /// one's.
        var causes: [AskedCommand] { (earlier + commands.prefix(Self.mergedMax)).map { AskedCommand($0) } }

        /// Those of them of which nobody has seen an answer.
        var silentCauses: [AskedCommand] {
            earlier.map { AskedCommand($0) }.filter(\.isSilent)
                + commands.prefix(Self.mergedMax).map { AskedCommand($0) }
        }

        /// Whether a token is compared, by the first command or by one before it that answers nothing.
        var comparesToken: Bool { first.comparesToken || silentCauses.contains(where: \.comparesToken) }

        private static let mergedMax = 3

        /// Whether the answers are the same but for words behind a status that `isLeftOut` picks.
        func isSame(without isLeftOut: (Substring) -> Bool) -> Bool {
            expectedCloses == foundCloses
                && AnswerComparison.areSame(
                    Self.bytes(expected, without: isLeftOut), Self.bytes(found, without: isLeftOut))
        }

        /// The same with a base64 key told as it was sent, on both sides; nil if there is none to tell.
        var withKeyAsSent: Finding? {
            guard let command = merged.first(where: { $0.decodedKey != nil }), let decoded = command.decodedKey else {
                return nil
            }
            // Bits behind the last byte are lost when it was stored.
            let encoded = ProbeSource.base64(decoded.text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
            let isEncoded = encoded != command.words[1] && expected.contains(encoded)
            guard isEncoded || expected.contains(decoded.text) else { return nil }
            var told = self
            told.expected = expected.replacing(decoded.text + "\n", with: command.words[1])
                .replacing(decoded.text, with: command.words[1]).replacing(encoded + " b", with: command.words[1])
            told.found = found.replacing(command.words[1] + " b", with: command.words[1])
            return told
        }

        /// Whether values differ only in blanks at their ends, and in the lengths that tell of them.
        var isSameButForPadding: Bool {
            func words(_ answer: String) -> [[Substring]] {
                answer.split(whereSeparator: \.isNewline).map { line in
                    var words = line.split(separator: " ")
                    if words.first == "VALUE", words.count > 3 { words[3] = "" }
                    if words.first == "VA", words.count > 1 { words[1] = "" }
                    return words.enumerated().map { index, word in
                        // Tokens are each server's own.
                        words.first == "VALUE" && index == 4 || words.first == "VA" && word.hasPrefix("c") ? "" : word
                    }
                }
            }
            return expectedCloses == foundCloses && words(expected) == words(found)
        }

        /// What is expected in front of the errors of lists with a key that is too long; nil if there are none.
        var expectedBeforeLongKeys: String? {
            let suffix = "CLIENT_ERROR bad command line format\r\n\r\n"
            var rest = expected[...]
            while rest.hasSuffix(suffix) { rest = rest.dropLast(suffix.count) }
            return rest.utf8.count == expected.utf8.count ? nil : String(rest)
        }

        private static func bytes(_ answer: String, without isLeftOut: (Substring) -> Bool) -> [UInt8] {
            let statuses: Set<Substring> = ["HD", "VA", "EN", "NF", "NS", "EX", "ME"]
            let lines = answer.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                let isEnded = line.last == "\r"
                let text = Substring(isEnded ? line.dropLast() : line)
                let words = text.split(separator: " ", omittingEmptySubsequences: false)
                guard let status = words.first, statuses.contains(status) else { return Array(line) }
                let kept = [status] + words.dropFirst().filter { !isLeftOut($0) }
                return Array(kept.joined(separator: " ").unicodeScalars) + (isEnded ? ["\r"] : [])
            }
            return Array(lines.joined(separator: ["\n"] as [UnicodeScalar])).map { UInt8(truncatingIfNeeded: $0.value) }
        }
    }

    package let sentence: String
    let allows: @Sendable (Finding) -> Bool
    /// Of a difference that shows in words behind a status: which. Several such may come together.
    let words: (@Sendable (Substring) -> Bool)?

    static let keyAsSent = "A base64 key comes back as it was sent"

    /// The first that allows a finding, alone or with others that show in words; nil if none does.
    package static func allowing(_ finding: Finding) -> AllowedDifference? {
        if let alone = all.first(where: { $0.allows(finding) && $0.words.map(finding.isSame) ?? true }) { return alone }
        if let told = finding.withKeyAsSent {
            let isSame = told.isSame { _ in false }
            return isSame ? all.first { $0.sentence == keyAsSent } : allowing(told)
        }
        let applicable = all.filter { $0.words != nil && $0.allows(finding) }
        let isSame = finding.isSame { word in applicable.contains { $0.words?(word) == true } }
        return isSame ? applicable.first : nil
    }

    init(_ sentence: String, allows: @escaping @Sendable (Finding) -> Bool) {
        self.sentence = sentence
        self.allows = allows
        words = nil
    }

    /// One that shows in the words that `words` picks, for findings that `allows` picks.
    init(
        _ sentence: String, words: @escaping @Sendable (Substring) -> Bool,
        allows: @escaping @Sendable (Finding) -> Bool
    ) {
        self.sentence = sentence
        self.allows = allows
        self.words = words
    }
}
