/// Commands that are nearly right, or not at all.
extension ProbeSource {
    mutating func hostile(_ probe: Probe) -> Probe {
        let end = (probe.bytes.firstIndex(of: 10) ?? probe.bytes.count - 1) + 1
        let rest = Array(probe.bytes[end...])
        var head = Array(probe.bytes[..<end])
        var isUnsafe = !rest.isEmpty
        switch below(12) {
        case 0:
            // A byte of the line, any other.
            let place = below(head.count)
            head[place] = UInt8(below(256))
            isUnsafe = true
        case 1:
            head.remove(at: below(head.count))
            isUnsafe = true
        case 2:
            head.insert(pick([0x20, 0x09, 0x00, 0x0D, 0x7F, 0xFF, 0x01, 0x0A]), at: below(head.count))
            isUnsafe = true
        case 3:
            // The line ends with a bare newline.
            if head.count > 1, head[head.count - 2] == 13 { head.remove(at: head.count - 2) }
        case 4, 5:
            (head, isUnsafe) = (changedWords(head), true)
        case 6:
            // The data block ends elsewhere than where it should.
            guard rest.count > 2, rest.count < 1000 else { return probe }
            var block = rest
            switch below(3) {
            case 0: block.removeLast()
            case 1: block.insert(0x58, at: block.count - 2)
            default: block[block.count - 1] = 0x58
            }
            return Probe(bytes: head + block, isUnsafe: true)
        case 7:
            return Probe(bytes: (0..<(4 + below(60))).map { _ in UInt8(below(256)) } + [13, 10], isUnsafe: true)
        case 8:
            head = line(["get"] + (0...below(300)).map { _ in key() })
            return Probe(bytes: head)
        case 9:
            let stem = tag
            let long = stem + String(repeating: "k", count: pick([249, 250, 251, 300, 1900, 3000]) - stem.utf8.count)
            head = pick([
                line(["get", long]), line(["gets", key(), long]), line(["mg", long, "v"]), line(["delete", long]),
                line(["set", long, "0", "0", "2"]) + [0x68, 0x69, 13, 10],
                line(["ms", long, "2"]) + [0x68, 0x69, 13, 10],
                line(["incr", long, "1"]), line(["touch", long, "0"]),
            ])
            return Probe(bytes: head, isUnsafe: true)
        case 10:
            return Probe(
                bytes: Array(String(repeating: pick(["v ", "k ", "q "]), count: below(30)).utf8) + [13, 10],
                isUnsafe: true)
        default:
            head =
                Array(head.dropLast(2)) + Array(pick([" noreply", " 0", " x", " 0 noreply", "  ", " HTTP/1.1"]).utf8)
                + [13, 10]
            isUnsafe = true
        }
        return Probe(bytes: head + rest, isUnsafe: isUnsafe)
    }

    /// The line with one of its words, behind the first, gone, twice, or another.
    private mutating func changedWords(_ head: [UInt8]) -> [UInt8] {
        let text = String(decoding: head.filter { $0 != 13 && $0 != 10 }, as: UTF8.self)
        var words = text.split(separator: " ").map(String.init)
        guard words.count > 1 else { return head }
        let place = 1 + below(words.count - 1)
        switch below(4) {
        case 0: words.remove(at: place)
        case 1: words.insert(words[place], at: place)
        default:
            words[place] = pick([
                "-1", "0", "x", "4294967295", "4294967296", "2147483647", "2147483648", "-2147483649",
                "9223372036854775807",
                "18446744073709551615", "18446744073709551616", "99999999999999999999999", "+5", "0x10", "007", "1e3",
                "1.5",
                "v", "q", "b", "k", "O" + String(repeating: "o", count: below(40)), "T", "T-1", "Tx", "N", "Nx", "C",
                "Cx", "E", "Ex",
                "F", "F-1", "S5", "MZ", "M", "!", "\u{7F}", "\u{E9}", "noreply", "D", "D-1", "J-1", "R", "Rx", "vv",
                "kc", "b b",
            ])
            // A key stays one of this epoch's.
            if place == 1 { words[place] = tag + words[place] }
        }
        return line(words)
    }
}
