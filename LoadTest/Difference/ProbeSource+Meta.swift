/// The meta commands.
extension ProbeSource {
    private mutating func some(_ flags: [String], upTo count: Int) -> [String] {
        var chosen: [String] = []
        for _ in 0..<below(count + 1) {
            let flag = pick(flags)
            // One letter twice is refused; that is rare enough to be left to chance.
            if below(12) == 0 || !chosen.contains(where: { $0.first == flag.first }) { chosen.append(flag) }
        }
        return chosen
    }

    /// A key as it stands, or in base64 with the flag that says so.
    private func named(_ key: String, _ flags: [String]) -> [String] {
        guard flags.contains("b") else { return [key] + flags }
        // Keys of their own, and always sent so.
        return [Self.base64(Array((key + "\n").utf8))] + flags
    }

    static func base64(_ bytes: [UInt8]) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let three = (0..<3).map { start + $0 < bytes.count ? Int(bytes[start + $0]) : 0 }
            let bits = three[0] << 16 | three[1] << 8 | three[2]
            for place in 0..<4 {
                text.append(start + place > bytes.count ? "=" : letters[bits >> (18 - 6 * place) & 63])
            }
        }
        return text
    }

    private mutating func token() -> String { String(pick(Self.tokens)) }

    mutating func metaGet() -> Probe {
        let flags = [
            "v", "v", "v", "c", "f", "h", "k", "l", "O\(below(1000))", "q", "s", "t", "u", "b", "N1000", "R30", "R2000",
            "T0", "T1000",
            "T-1", "E\(token())", "C\(token())", "P9", "L9", "x", "I",
        ]
        let isCounter = below(4) == 0
        var chosen = some(flags, upTo: 6)
        // Which of these counts differs by their order.
        if chosen.contains(where: { $0.hasPrefix("N") }) { chosen.removeAll { $0.hasPrefix("T") || $0 == "t" } }
        return Probe(bytes: line(["mg"] + named(isCounter ? counter(fetched: true) : key(), chosen)))
    }

    mutating func metaSet() -> Probe {
        let mode = pick(["", "", "", "ME", "MA", "MP", "MR", "MS", "Mx", "Mset", "M"])
        var flags = some(
            [
                "c", "k", "O\(below(1000))", "q", "s", "b", "T0", "T1000", "T-1", "F5", "F4294967295", "F4294967296",
                "I",
                "E\(token())", "C\(token())", "C0", "N1000", "P9", "L9", "v", "x",
            ], upTo: 5)
        let isCounter = below(4) == 0
        // What stands behind a counter's digits then would be counted with, or not.
        if isCounter, mode == "MA" || mode == "MP" { return metaSet() }
        // Whether a token is older than an issued one differs from server to server.
        if flags.contains("I") { flags.removeAll { $0.hasPrefix("C") } }
        if !mode.isEmpty { flags.append(mode) }
        let value = isCounter ? number() : value()
        let words = named(isCounter ? counter(fetched: false) : key(), flags)
        return block(line(["ms", words[0], String(value.count)] + words.dropFirst()), value)
    }

    mutating func metaDelete() -> Probe {
        let flags = some(
            [
                "b", "C\(token())", "E\(token())", "I", "k", "O\(below(1000))", "q", "T1000", "T0", "x", "F7", "P9",
                "v",
            ], upTo: 4)
        return Probe(bytes: line(["md"] + named(key(), flags)))
    }

    mutating func metaArithmetic() -> Probe {
        let flags = some(
            [
                "b", "C\(token())", "E\(token())", "N0", "N1000", "J5", "D2", "D18446744073709551615", "T1000", "MI",
                "MD", "M+",
                "M-", "Mx", "O\(below(1000))", "q", "t", "c", "v", "k", "Dx", "Jx", "s",
            ], upTo: 5)
        return Probe(bytes: line(["ma"] + named(below(6) == 0 ? key() : counter(fetched: false), flags)))
    }
}
