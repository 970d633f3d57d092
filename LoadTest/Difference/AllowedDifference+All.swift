/// Every difference that is deliberate. What comes first is what a finding is counted as.
extension AllowedDifference {
    package static let all: [AllowedDifference] = lines + numbers + storage + lives + tokens + facts

    private static let badFormat = "CLIENT_ERROR bad command line format\r\n"
    private static let nonNumeric = "cannot increment or decrement non-numeric value"

    /// Lines, and what is said about them.
    private static let lines: [AllowedDifference] = [
        AllowedDifference("`delete` takes nothing but `0` and `noreply` after the key") { finding in
            finding.first.isLongDelete && finding.found.hasPrefix("CLIENT_ERROR bad command line format.  Usage")
                || finding.silentCauses.contains(where: \.isLongDelete)
        },
        AllowedDifference("A key may be called `noreply`") {
            $0.first.words == ["delete", "noreply"] && $0.expected.isEmpty
        },
        AllowedDifference("`watch` is refused behind other commands that were answered") {
            // What is behind others depends on the packets.
            let refusals = ["ERROR\r\n", "ERROR cannot pipeline other commands before watch\r\n"]
            return $0.first.verb == "watch" && ($0.expectedCloses || refusals.contains($0.expected))
                && refusals.contains($0.found)
        },
        AllowedDifference("A line that ends as an HTTP request does costs the connection") { finding in
            finding.foundCloses && finding.found.isEmpty && finding.commands[0].hasPrefix(" ")
                && finding.first.words.last?.hasPrefix("HTTP/") == true
        },
        AllowedDifference("A command begins with its line") { finding in
            finding.commands[0].hasPrefix(" ") && finding.found == "ERROR\r\n"
                && ["verbosity", "flush_all"].contains(finding.first.verb)
        },
        AllowedDifference("Words of administrative commands are compared whole") { finding in
            guard let known = administrativeWords[finding.first.verb], finding.first.words.count > 1 else {
                return false
            }
            return !known.contains(finding.first.words[1]) && finding.found.contains("ERROR")
        },
        AllowedDifference("A multiget with a key that is too long answers one error line") { finding in
            guard let rest = finding.expectedBeforeLongKeys,
                finding.commands.contains(where: { AskedCommand($0).hasLongKey })
            else { return false }
            // The replies to what came before are there or dropped.
            if finding.found.hasPrefix(rest) || AnswerComparison.areSame(Array(rest.utf8), Array(finding.found.utf8)) {
                return true
            }
            var without = finding
            without.expected = rest
            return AllowedDifference.allowing(without) != nil
        },
        AllowedDifference("A line of more than 2048 bytes costs the connection") { finding in
            finding.foundCloses
                && (finding.merged.contains(where: \.hasLongLine)
                    || !finding.first.isWhole && finding.commands.contains { AskedCommand($0).hasLongLine })
        },
        AllowedDifference("A line that begins with the binary protocol's first byte costs the connection") { finding in
            finding.foundCloses && finding.first.lines.contains { $0.hasPrefix("\u{80}") }
        },
        AllowedDifference("Replies to what came before a connection's end are sent") { $0.isCutShort },
    ]

    private static let administrativeWords: [Substring: Set<Substring>] = [
        "slabs": ["reassign", "automove"], "lru": ["tune", "mode", "temp_ttl"],
        "lru_crawler": ["crawl", "sleep", "tocrawl", "metadump", "mgdump", "enable", "disable"],
        "stats": [
            "settings", "items", "slabs", "sizes", "conns", "detail", "cachedump", "reset", "extstore", "proxy",
            "martlet",
        ],
        "shutdown": ["graceful"],
    ]

    private static let numbers: [AllowedDifference] = [
        AllowedDifference("Client flags and expiry times out of range are refused, not truncated") { finding in
            finding.first.hasNumberOutOfRange && finding.found.hasPrefix("CLIENT_ERROR")
                || finding.silentCauses.contains(where: \.hasNumberOutOfRange)
        },
        AllowedDifference("A number has digits and ends with its word") { finding in
            finding.silentCauses.contains(where: \.hasSpacedNumber)
        },
    ]

    /// Data blocks of commands that are refused.
    private static let storage: [AllowedDifference] = [
        AllowedDifference("where its length cannot be known, the connection is answered and closed") { finding in
            finding.foundCloses && finding.found.hasSuffix(badFormat)
                && finding.merged.contains(where: \.lengthIsUnknown)
        },
        AllowedDifference("A set that is refused never has its data block run as commands") { finding in
            finding.first.isStorage && finding.found.hasPrefix("CLIENT_ERROR")
                && finding.expected.hasPrefix(finding.found)
                && finding.expected.unicodeScalars.count > finding.found.unicodeScalars.count
                // What was run as commands ended the connection, and with it what was not sent yet.
                || finding.expectedCloses && finding.found.hasPrefix(finding.expected)
                    && finding.commands.map { AskedCommand($0) }.contains { $0.hasNoSuchFlag && $0.hasLongLine }
        },
    ]

    /// Lives of items. They show in `t`, in a win (`R`), and in an item that is there or not.
    private static let lives: [AllowedDifference] = [
        AllowedDifference("An item that expires at once has 0 seconds left", words: { $0.hasPrefix("t") }) { finding in
            finding.expected.contains("t429496")
        },
        AllowedDifference("`ma` with `T` gives the new life in every case", words: isLifeOrWin) { finding in
            finding.causes.contains { $0.verb == "ma" && $0.has("T") }
        },
        AllowedDifference(
            "`ma`, and `mg` where `N` makes the item, tell with `t` the life that the item has got",
            words: { $0.hasPrefix("t") }
        ) { finding in
            ["mg", "ma"].contains(finding.first.verb) && finding.first.has("t") && finding.first.has("N")
        },
        AllowedDifference("A command that is refused has done nothing") { finding in
            finding.first.hasLongOpaque && finding.found == "CLIENT_ERROR opaque token too long\r\n"
                || finding.causes.contains { $0.hasLongOpaque && ($0.has("N") || $0.has("T")) }
        },
    ]

    @Sendable private static func isLifeOrWin(_ word: Substring) -> Bool {
        word.hasPrefix("t") || word.hasPrefix("exp=") || word == "W"
    }

    private static let tokens: [AllowedDifference] = [
        AllowedDifference("`E` on `ma` gives the token in every case") { finding in
            finding.comparesToken && finding.causes.contains { $0.verb == "ma" && $0.has("E") }
        },
        AllowedDifference("`md` with `x` gives a new token") { finding in
            finding.comparesToken
                && finding.causes.contains { $0.verb == "md" && $0.has("x") && !$0.has("E") && !$0.has("I") }
        },
        AllowedDifference("A token that came with `E` and a refused `ms` is forgotten") { finding in
            finding.comparesToken
                && finding.epoch.contains { command in
                    let asked = AskedCommand(command)
                    return asked.verb == "ms" && asked.has("E") && !asked.isWhole
                }
        },
        AllowedDifference("A counter's token is compared before its value is looked at") { finding in
            finding.first.comparesToken && finding.found.hasPrefix("EX") && finding.expected.contains(nonNumeric)
        },
        AllowedDifference("A counter may have white space and a sign in front of its digits") { finding in
            finding.found.contains(nonNumeric) && !finding.expected.contains("ERROR")
                && finding.first.isArithmetic
        },
    ]

    private static let facts: [AllowedDifference] = [
        AllowedDifference(
            "Whether an item was fetched is the same for every way of changing it",
            words: { ["h0", "h1"].contains($0) || $0.hasPrefix("fetch=") }, allows: { _ in true }),
        AllowedDifference("Marks stay with an item that is counted with", words: { ["W", "Z", "X"].contains($0) }) {
            $0.causes.contains(where: \.isArithmetic)
        },
        AllowedDifference("A counter that gets shorter is filled up with blanks") { finding in
            finding.causes.contains(where: \.isArithmetic) && finding.isSameButForPadding
        },
        AllowedDifference("`me` with `b` has its key decoded") { finding in
            finding.first.verb == "me" && finding.first.words.count == 3 && finding.first.words[2] == "b"
                && finding.expected == "EN\r\n"
        },
        AllowedDifference("Slab classes and their pages are each server's own") { finding in
            finding.first.verb == "slabs" && finding.first.words.dropFirst().first == "reassign"
                && [finding.expected, finding.found].allSatisfy { answer in
                    ["OK", "NOSPARE", "BADCLASS", "BUSY"].contains { answer.hasPrefix($0) }
                }
        },
        AllowedDifference("A base64 key has nothing else in it") { finding in
            // Answers that came together are told with all their commands.
            let isMeant = finding.commands.contains { AskedCommand($0).decodedKey?.isWhole == false }
            return isMeant
                && ["CLIENT_ERROR error decoding key\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n"]
                    .contains { finding.found.hasSuffix($0) }
        },
        // Told apart in `allowing`.
        AllowedDifference(keyAsSent, allows: { _ in false }),
        AllowedDifference("What `stats` tells is each server's own") { finding in
            guard finding.first.verb == "stats" else { return false }
            // Items of a class, of which each server has its own.
            if finding.first.words.count > 1, finding.first.words[1] == "cachedump" {
                return finding.expected.hasSuffix("END\r\n") && finding.found.hasSuffix("END\r\n")
            }
            return finding.expected.hasPrefix("STAT ") && finding.found.hasPrefix("STAT ")
        },
    ]
}
