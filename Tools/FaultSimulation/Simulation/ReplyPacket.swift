/// The header of a reply of the binary protocol, and where its parts are.
///
///      0      1        2            4        5        6             8          12       16     24
///     |magic |opcode  |key bytes   |extras  |type    |status       |body bytes|opaque  |token |
///     |0x81  |        |            |bytes   |0       |             |          |        |      |
struct ReplyPacket {
    enum Status {
        static let success = 0x00, notFound = 0x01, exists = 0x02, tooLarge = 0x03, notStored = 0x05
        static let unknownCommand = 0x81, outOfMemory = 0x82
    }

    static let headerBytes = 24

    let start: Int
    let magic: UInt8
    let opcode: UInt8
    let keyBytes: Int
    let extrasBytes: Int
    let type: UInt8
    let status: Int
    let bodyBytes: Int
    let opaque: UInt32
    let token: UInt64

    var extrasStart: Int { start + Self.headerBytes }
    var keyStart: Int { extrasStart + extrasBytes }
    var valueStart: Int { keyStart + keyBytes }
    var valueBytes: Int { bodyBytes - extrasBytes - keyBytes }
    var end: Int { extrasStart + bodyBytes }
}

extension ReplyText {
    /// The packet that begins at `start`, whose body may not be there yet; nil if not even its header is.
    func packet(at start: Int) -> ReplyPacket? {
        guard start + ReplyPacket.headerBytes <= bytes.count else { return nil }
        return ReplyPacket(
            start: start, magic: bytes[start], opcode: bytes[start + 1], keyBytes: Int(word(at: start + 2, 2)),
            extrasBytes: Int(bytes[start + 4]), type: bytes[start + 5], status: Int(word(at: start + 6, 2)),
            bodyBytes: Int(word(at: start + 8, 4)), opaque: UInt32(truncatingIfNeeded: word(at: start + 12, 4)),
            token: word(at: start + 16, 8))
    }

    /// A number of `count` bytes, which are there.
    func word(at start: Int, _ count: Int) -> UInt64 {
        var number: UInt64 = 0
        for index in start..<start + count { number = number << 8 | UInt64(bytes[index]) }
        return number
    }

    /// The next header in hexadecimal digits, and what stands behind it.
    func packetExcerpt(at start: Int) -> String {
        let header = bytes.dropFirst(start).prefix(ReplyPacket.headerBytes)
        let digits = header.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "\(digits) \(excerpt(at: start + ReplyPacket.headerBytes))"
    }
}
