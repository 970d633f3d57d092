import MartletProtocol

/// What the log shows of commands and replies: keys, and no values.
///
/// 1. Of each the first line, cut and escaped.
/// 2. The numbers of a counter are values: what `incr` and `decr` answer and are told to count by, and what `ma` begins
///    with (`J`) and counts by (`D`), show as `<number>`.
/// 3. Of a binary request header and key, because its extras may be such numbers; of a binary reply the header, because
///    a value may follow without a line end between.
package enum LoggedLine {
    /// `bytes`: all of a request in front of its value.
    package static func command(_ bytes: some Collection<UInt8>) -> String {
        if bytes.first == BinaryHeader.requestMagic { return binaryCommand(bytes) }
        let (line, isWhole) = ServerLog.firstLine(of: bytes)
        return withoutNumbers(line) + (isWhole ? "" : "...")
    }

    /// `bytes`: replies, from the start of the first on.
    package static func reply(_ bytes: some Collection<UInt8>) -> String {
        switch bytes.first {
        case BinaryHeader.replyMagic?: ShownBytes.text(of: bytes.prefix(BinaryHeader.bytes))
        case (UInt8(ascii: "0")...UInt8(ascii: "9"))?: number
        default: ServerLog.shown(bytes)
        }
    }

    private static let number = "<number>"

    private static func binaryCommand(_ bytes: some Collection<UInt8>) -> String {
        let header = Array(bytes.prefix(BinaryHeader.bytes))
        guard header.count == BinaryHeader.bytes else { return ShownBytes.text(of: header) }
        let (extrasBytes, keyBytes) = (Int(header[4]), Int(header[2]) << 8 | Int(header[3]))
        let key = bytes.dropFirst(header.count + extrasBytes).prefix(min(keyBytes, WireLimits.keyBytesMax))
        return ShownBytes.text(of: header) + ShownBytes.text(of: key)
    }

    private static func withoutNumbers(_ line: ArraySlice<UInt8>) -> String {
        let words = line.split(separator: 0x20, omittingEmptySubsequences: false)
        let verb = words.first { !$0.isEmpty } ?? []
        let counts = verb.elementsEqual("incr".utf8) || verb.elementsEqual("decr".utf8)
        guard counts || verb.elementsEqual("ma".utf8) else { return ShownBytes.text(of: line) }
        // The verb, the key, and from 2 on what may be a number.
        var place = -1
        let shown = words.map { word in
            guard let first = word.first else { return "" }
            place += 1
            if counts, place == 2 { return number }
            let isNumber = !counts && place > 1 && (first == UInt8(ascii: "J") || first == UInt8(ascii: "D"))
            return isNumber ? ShownBytes.text(of: [first]) + number : ShownBytes.text(of: word)
        }
        return shown.joined(separator: " ")
    }
}
