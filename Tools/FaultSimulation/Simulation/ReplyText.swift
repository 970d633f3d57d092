import Glibc

/// What has come from the server and is not looked at yet; reads words, numbers and values off its front.
struct ReplyText {
    private(set) var bytes: [UInt8] = []
    private(set) var place = 0

    var isEmpty: Bool { place == bytes.count }

    mutating func append(_ more: [UInt8]) {
        if place == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            place = 0
        } else if place > 1 << 16 {
            bytes.removeSubrange(..<place)
            place = 0
        }
        bytes += more
    }

    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        place = 0
    }

    /// The line that begins at `start`, without its end; nil if it is not all there.
    func line(at start: Int) -> Range<Int>? {
        let found = bytes.withUnsafeBytes { bytes -> Int? in
            guard start < bytes.count, let base = bytes.baseAddress,
                let end = memchr(base + start, 10, bytes.count - start)
            else { return nil }
            return UnsafeRawPointer(end) - base
        }
        guard let found, found > start, bytes[found - 1] == 13 else { return nil }
        return start..<found - 1
    }

    mutating func move(to place: Int) { self.place = place }

    func has(_ word: StaticString, at start: Int) -> Bool {
        guard start + word.utf8CodeUnitCount <= bytes.count else { return false }
        return bytes.withUnsafeBytes {
            memcmp($0.baseAddress.unsafelyUnwrapped + start, word.utf8Start, word.utf8CodeUnitCount) == 0
        }
    }

    func has(_ word: [UInt8], at start: Int) -> Bool {
        guard start + word.count <= bytes.count else { return false }
        return bytes.withUnsafeBytes { memcmp($0.baseAddress.unsafelyUnwrapped + start, word, word.count) == 0 }
    }

    /// The number at `place`, which moves behind it.
    func number(at place: inout Int) -> UInt64? {
        var number: UInt64 = 0
        let start = place
        while place < bytes.count, bytes[place] &- 0x30 < 10, place - start < 20 {
            number = number &* 10 &+ UInt64(bytes[place] &- 0x30)
            place += 1
        }
        return place > start ? number : nil
    }

    /// Whether the bytes at `start` are the value.
    func holds(_ content: KeyBelief.Content, at start: Int) -> Bool {
        guard start + content.length <= bytes.count else { return false }
        if let number = content.number {
            var place = start
            return self.number(at: &place) == number && place <= start + content.first.count
                && bytes[place..<start + content.first.count].allSatisfy { $0 == 0x20 }
        }
        return bytes.withUnsafeBytes { bytes in
            SimulatedCommand.pattern.withUnsafeBytes { pattern in
                var place = start
                func isNext(_ piece: KeyBelief.Content.Piece) -> Bool {
                    defer { place += piece.count }
                    return memcmp(
                        bytes.baseAddress.unsafelyUnwrapped + place,
                        pattern.baseAddress.unsafelyUnwrapped + piece.start, piece.count) == 0
                }
                return isNext(content.first) && content.more.allSatisfy(isNext)
            }
        }
    }

    func excerpt(at start: Int) -> String {
        String(decoding: bytes.dropFirst(start).prefix(80), as: UTF8.self).debugDescription
    }
}
