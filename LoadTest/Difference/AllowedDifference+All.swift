/// Every difference that is deliberate. What comes first is what a finding is counted as.
extension AllowedDifference {
    package static let all: [AllowedDifference] = [
        AllowedDifference("`version` answers `1.6.45-martlet`") { $0.words.first == "version" },
        AllowedDifference("`delete` takes nothing but `0` and `noreply` after the key") {
            ($0.words.first == "delete" && $0.found.hasPrefix("CLIENT_ERROR bad command line format.  Usage"))
                || $0.earlier.contains { Self.verb($0) == "delete" && Self.words($0).count > 3 }
        },
        AllowedDifference("A key may be called `noreply`") { $0.words == ["delete", "noreply"] },
        AllowedDifference("`watch` is refused behind other commands whatever it asks for") {
            $0.words.first == "watch"
        },
        AllowedDifference("A line that ends as an HTTP request does costs the connection") { finding in
            finding.foundCloses && finding.commands.contains { $0.contains("HTTP/") }
        },
        AllowedDifference("Words of administrative commands are compared whole") { finding in
            ["slabs", "lru", "lru_crawler", "stats", "shutdown"].contains(finding.words.first ?? "")
        },
        AllowedDifference("`ma` with `T` gives the new life in every case") { finding in
            (finding.earlier + finding.commands.prefix(1)).contains {
                Self.verb($0) == "ma" && Self.words($0).contains { $0.hasPrefix("T") }
            } && (finding.expected.contains(" t") || finding.found.contains(" t"))
        },
        AllowedDifference("A multiget with a key that is too long answers one error line") { finding in
            finding.expected.hasSuffix("CLIENT_ERROR bad command line format\r\n\r\n")
                && finding.commands.contains { Self.hasLongKey($0, of: ["get", "gets", "gat", "gats"]) }
        },
        AllowedDifference("A line of more than 2048 bytes costs the connection") { finding in
            finding.foundCloses && finding.commands.contains { Self.hasLongLine($0) }
        },
        AllowedDifference("where its length cannot be known, the connection is answered and closed") { finding in
            finding.foundCloses && finding.found.hasSuffix("CLIENT_ERROR bad command line format\r\n")
                && finding.commands.contains { Self.storageVerbs.contains(Self.verb($0)) }
        },
        AllowedDifference("Client flags and expiry times out of range are refused, not truncated") { finding in
            finding.found.hasPrefix("CLIENT_ERROR")
                && finding.words.dropFirst(2).contains { Self.isBeyond32Bits($0) }
        },
        AllowedDifference("A set that is refused never has its data block run as commands") { finding in
            Self.storageVerbs.contains(Self.verb(finding.commands[0])) && finding.found.hasPrefix("CLIENT_ERROR")
                && finding.expected.hasPrefix("CLIENT_ERROR")
                && finding.expected.unicodeScalars.count > finding.found.unicodeScalars.count
        },
        AllowedDifference("A base64 key has nothing else in it") { $0.found.contains("error decoding key") },
        AllowedDifference("A line that begins with the binary protocol's first byte costs the connection") { finding in
            finding.foundCloses && finding.commands.contains { $0.contains("\u{80}") }
        },
        AllowedDifference("Replies to what came before a connection's end are sent") { $0.isCutShort },
        AllowedDifference("Whether an item was fetched is the same for every way of changing it") { finding in
            Self.withoutFetched(finding.expected) == Self.withoutFetched(finding.found)
        },
        AllowedDifference("of `mg`'s flags `T` goes before `N`") { finding in
            (finding.earlier + finding.commands.prefix(1)).contains { command in
                let flags = Self.words(command).dropFirst(2)
                return command.hasPrefix("mg ") && flags.contains { $0.hasPrefix("N") }
                    && flags.contains { $0.hasPrefix("T") || $0.hasPrefix("t") }
            }
        },
        AllowedDifference("`ma` tells with `t` the life that the item has got") { finding in
            finding.commands[0].hasPrefix("ma ") && finding.words.contains("t") && finding.words.count > 3
        },
        AllowedDifference("An item that expires at once has 0 seconds left") { finding in
            finding.expected.contains("t429496") && finding.found.contains("t0")
        },
        AllowedDifference("Marks stay with an item that is counted with") { finding in
            Self.withoutMarks(finding.expected) == Self.withoutMarks(finding.found)
                && finding.earlier.contains { ["incr", "decr", "ma"].contains(Self.verb($0)) }
        },
        AllowedDifference("`E` on `ma` gives the token in every case") { finding in
            finding.earlier.contains { Self.verb($0) == "ma" && Self.words($0).contains { $0.hasPrefix("E") } }
        },
        AllowedDifference("A counter's token is compared before its value is looked at") { finding in
            finding.found.hasPrefix("EX") && finding.expected.contains("non-numeric value")
        },
        AllowedDifference("What `stats` tells is each server's own") { $0.words.first == "stats" },
        AllowedDifference("A counter is digits and blanks") { finding in
            finding.found.contains("non-numeric value") && !finding.expected.contains("non-numeric value")
        },
        AllowedDifference("A number has digits and ends with its word") { finding in
            (finding.commands.prefix(1) + finding.earlier.filter { $0.contains("noreply") || $0.contains(" q") })
                .contains { Self.hasSpacedNumber($0) }
        },
        AllowedDifference("A base64 key comes back as it was sent") { finding in
            finding.words.contains("b") || finding.expected.contains(" b\r\n") || finding.expected.hasPrefix("ME ")
        },
    ]
}
