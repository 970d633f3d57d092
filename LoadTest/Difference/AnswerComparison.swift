/// Whether two answers say the same.
///
/// 1. Tokens are each server's own: where one stands in the one answer, one has to stand in the other.
/// 2. Seconds left and since the last access may differ by `secondsMax`: the servers' seconds begin at different
///    moments.
/// 3. Of `me`, slab class and size are each server's own; of `version`, what is behind the protocol level.
/// 4. All else is compared byte by byte.
package enum AnswerComparison {
    static let secondsMax: Int64 = 3

    package static func areSame(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        if one == other { return true }
        var (first, second) = (one[...], other[...])
        while !first.isEmpty || !second.isEmpty {
            guard let line = takeLine(&first), let counterpart = takeLine(&second), same(line, counterpart) else {
                return false
            }
            let valueBytes = valueBytes(line)
            guard first.count >= valueBytes, second.count >= valueBytes,
                first.prefix(valueBytes).elementsEqual(second.prefix(valueBytes))
            else { return false }
            first = first.dropFirst(valueBytes)
            second = second.dropFirst(valueBytes)
        }
        return true
    }

    private static func takeLine(_ bytes: inout ArraySlice<UInt8>) -> [Substring]? {
        guard let end = bytes.firstIndex(of: 10) else { return nil }
        defer { bytes = bytes[(end + 1)...] }
        let text = String(decoding: bytes[..<end], as: UTF8.self)
        return Substring(text).split(separator: " ", omittingEmptySubsequences: false).map {
            Substring($0.filter { $0 != "\r" })
        }
    }

    /// Bytes of the value behind a line, its end included.
    private static func valueBytes(_ words: [Substring]) -> Int {
        if words.first == "VALUE", words.count >= 4, let count = Int(words[3]) { return count + 2 }
        if words.first == "VA", words.count >= 2, let count = Int(words[1]) { return count + 2 }
        return 0
    }

    private static func same(_ line: [Substring], _ counterpart: [Substring]) -> Bool {
        if line == counterpart { return true }
        if line.first == "VERSION" {
            let protocolLevel = { (words: [Substring]) in words.dropFirst().map { $0.split(separator: "-").first } }
            return counterpart.first == "VERSION" && protocolLevel(line) == protocolLevel(counterpart)
        }
        guard line.count == counterpart.count, line.first == counterpart.first else { return false }
        for index in line.indices where line[index] != counterpart[index] {
            let isSame =
                switch line[0] {
                case "VALUE": index == 4 && Int(line[index]) != nil && Int(counterpart[index]) != nil
                case "HD", "VA", "EN", "NF", "NS", "EX": sameFlag(line[index], counterpart[index])
                case "ME": sameFact(line[index], counterpart[index])
                default: false
                }
            if !isSame { return false }
        }
        return true
    }

    private static func sameFlag(_ flag: Substring, _ counterpart: Substring) -> Bool {
        guard let letter = flag.first, letter == counterpart.first, let one = Int64(flag.dropFirst()),
            let other = Int64(counterpart.dropFirst())
        else { return false }
        switch letter {
        case "c": return true
        case "t", "l": return abs(one - other) <= secondsMax
        default: return false
        }
    }

    private static func sameFact(_ fact: Substring, _ counterpart: Substring) -> Bool {
        let (one, other) = (fact.split(separator: "="), counterpart.split(separator: "="))
        guard one.count == 2, other.count == 2, one[0] == other[0] else { return false }
        switch one[0] {
        case "cas", "cls", "size": return true
        case "exp", "la":
            guard let one = Int64(one[1]), let other = Int64(other[1]) else { return false }
            return abs(one - other) <= secondsMax
        default: return false
        }
    }
}
