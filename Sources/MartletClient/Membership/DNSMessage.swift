/// A question to a name server and what comes back, as bytes (RFC 1035, 2782, 3596, 6891).
///
///      0      2       4          6         8           10            12
///     +------+-------+----------+---------+-----------+-------------+-----------+---------+-----
///     | id   | flags | question | answers | authority | additional  | question  | answers | ...
///     +------+-------+----------+---------+-----------+-------------+-----------+---------+-----
///
/// Rules for what arrives, which may be anything:
/// 1. Every length is checked against what is there; a name is at most 255 bytes, and follows at most 16 pointers, each
///    to an earlier place.
/// 2. An answer to another question, or with another number, is none.
package struct DNSMessage: Equatable, Sendable {
    package enum Kind: UInt16, Sendable {
        case address = 1
        case alias = 5
        case address6 = 28
        case service = 33
    }

    package enum Answer: Equatable, Hashable, Sendable {
        /// An address, IPv4 or IPv6, as text.
        case address(String)
        case service(target: String, port: UInt16)
    }

    /// What the server says of the question: 0 is well, 3 that there is no such name.
    package var code: UInt8
    /// There is more than fits; it is to be asked for over TCP.
    package var isTruncated: Bool
    package var answers: [Answer]

    // MARK: Asking

    /// The bytes of a question; nil if the name is none.
    package static func question(_ name: String, _ kind: Kind, number: UInt16) -> [UInt8]? {
        guard let labels = encode(name) else { return nil }
        var bytes: [UInt8] = []
        for word in [number, 0x0100, 1, 0, 0, 1] { bytes += word.bigEndianBytes }
        bytes += labels
        bytes += kind.rawValue.bigEndianBytes + UInt16(1).bigEndianBytes
        // An answer may be of 1232 bytes, which fit into one packet everywhere (EDNS).
        return bytes + [0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0]
    }

    private static func encode(_ name: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        let trimmed = name.hasSuffix(".") ? name.dropLast() : Substring(name)
        for label in trimmed.split(separator: "." as Character, omittingEmptySubsequences: false) {
            let text = Array(label.utf8)
            guard (1...63).contains(text.count) else { return nil }
            bytes.append(UInt8(text.count))
            bytes += text
        }
        return bytes.count <= 254 ? bytes + [0] : nil
    }

    // MARK: Reading

    /// What answers the question with `number`; nil if `bytes` do not.
    package init?(_ bytes: [UInt8], to name: String, _ kind: Kind, number: UInt16) {
        var cursor = DNSCursor(bytes: bytes)
        guard cursor.word() == number, let flags = cursor.word(), flags & 0x8000 != 0, let questions = cursor.word(),
            let answerCount = cursor.word(), cursor.word() != nil, cursor.word() != nil, questions == 1
        else { return nil }
        let asked = name.hasSuffix(".") ? String(name.dropLast()) : name
        guard let repeated = cursor.name(), repeated.lowercased() == asked.lowercased(),
            cursor.word() == kind.rawValue, cursor.word() == 1
        else { return nil }
        code = UInt8(truncatingIfNeeded: flags & 15)
        isTruncated = flags & 0x0200 != 0
        answers = []
        for _ in 0..<answerCount {
            // A server that cut the message short may have cut an answer.
            guard let answer = cursor.answer() else {
                if isTruncated { return }
                return nil
            }
            if let answer { answers.append(answer) }
        }
    }
}

/// Reads a message from front to back.
private struct DNSCursor {
    let bytes: [UInt8]
    var place = 0

    mutating func byte() -> UInt8? {
        guard place < bytes.count else { return nil }
        defer { place += 1 }
        return bytes[place]
    }

    mutating func word() -> UInt16? {
        guard let high = byte(), let low = byte() else { return nil }
        return UInt16(high) << 8 | UInt16(low)
    }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count <= bytes.count - place else { return nil }
        defer { place += count }
        return bytes[place..<place + count]
    }

    /// Rule 1.
    mutating func name() -> String? {
        var labels: [String] = []
        var (total, jumps, position) = (0, 0, place)
        var end: Int?
        while position < bytes.count {
            let length = Int(bytes[position])
            if length == 0 {
                place = end ?? position + 1
                return labels.joined(separator: ".")
            }
            if length >= 0xC0 {
                guard position + 1 < bytes.count, jumps < 16 else { return nil }
                let target = (length & 0x3F) << 8 | Int(bytes[position + 1])
                guard target < position else { return nil }
                end = end ?? position + 2
                jumps += 1
                position = target
            } else {
                total += length + 1
                guard length < 64, total <= 255, position + 1 + length <= bytes.count else { return nil }
                labels.append(String(decoding: bytes[position + 1..<position + 1 + length], as: UTF8.self))
                position += 1 + length
            }
        }
        return nil
    }

    /// One answer: nil if there is none, .some(nil) if it is of a kind that nobody asked for.
    mutating func answer() -> DNSMessage.Answer?? {
        guard name() != nil, let kind = word(), word() != nil, word() != nil, word() != nil, let length = word() else {
            return nil
        }
        let end = place + Int(length)
        guard end <= bytes.count else { return nil }
        defer { place = end }
        switch DNSMessage.Kind(rawValue: kind) {
        case .address where length == 4:
            return take(4).map { .address($0.map(String.init).joined(separator: ".")) }
        case .address6 where length == 16:
            guard let parts = take(16).map(Array.init) else { return nil }
            let words = stride(from: 0, to: 16, by: 2).map { UInt16(parts[$0]) << 8 | UInt16(parts[$0 + 1]) }
            return .address(words.map { String($0, radix: 16) }.joined(separator: ":"))
        case .service:
            guard word() != nil, word() != nil, let port = word(), let target = name(), place <= end else { return nil }
            return .service(target: target, port: port)
        default: return .some(nil)
        }
    }
}

extension UInt16 {
    fileprivate var bigEndianBytes: [UInt8] { [UInt8(truncatingIfNeeded: self >> 8), UInt8(truncatingIfNeeded: self)] }
}
