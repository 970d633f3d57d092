import StoreTesting

/// Changes to bytes that a seed decides.
enum Mutation {
    private static let words = [
        "9223372036854775807", "-9223372036854775808", "18446744073709551616", "-1", "0", "1e999", "nan", "4294967296",
        "",
        "\u{1B}[2J", "\u{9B}", "\u{FFFD}", "%", "%zz", "\r\n", " ", "=", "END\r\n", "VA 9223372036854775805 ka\r\n",
        String(repeating: "9", count: 400),
    ].map { Array($0.utf8) }

    static func applied(to bytes: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var bytes = bytes
        for _ in 0...Int(random.next() % 3) { change(&bytes, &random) }
        return bytes
    }

    private static func change(_ bytes: inout [UInt8], _ random: inout SplitMix) {
        func below(_ end: Int) -> Int { end == 0 ? 0 : Int(random.next() % UInt64(end)) }
        let position = below(bytes.count)
        let end = min(bytes.count, position + 1 + below(12))
        switch below(6) {
        case 0 where position < bytes.count: bytes[position] ^= 1 << UInt8(below(8))
        case 1: bytes.removeSubrange(position..<end)
        case 2: bytes.insert(contentsOf: bytes[position..<end], at: position)
        case 3: bytes.insert(contentsOf: words[below(words.count)], at: position)
        default:
            // Another word where one stands.
            let digits = bytes.indices.filter { (0x30...0x39).contains(bytes[$0]) }
            guard !digits.isEmpty else { return }
            let first = digits[below(digits.count)]
            let last = bytes[first...].firstIndex { !(0x30...0x39).contains($0) } ?? bytes.count
            bytes.replaceSubrange(first..<last, with: words[below(words.count)])
        }
    }
}

/// Dumps as text, with sums that are right.
enum DumpText {
    /// A whole dump of one item; `words` stand between `item` and the sums.
    static func file(_ words: String, value: String) -> String {
        let told = "item \(words) "
        let head = "\(told)\(sum(told)) "
        return "martlet dump 2 1000\n\(head)\(sum(head + value))\n\(value)\nend 1 \(value.utf8.count)\n"
    }

    /// CRC-32 in hexadecimal digits.
    static func sum(_ text: String) -> String {
        let remainder = text.utf8.reduce(UInt32.max) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        return String(~remainder, radix: 16)
    }
}
