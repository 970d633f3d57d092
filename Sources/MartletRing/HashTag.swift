/// Two characters around the part of a key that decides where it goes: with `{}`, `{user:7}:cart` and `{user:7}:name`
/// are on one server.
///
/// As in twemproxy: the first opening character counts, and the first closing one behind it. A key without them, or
/// with nothing in between, is taken whole.
public struct HashTag: Hashable, Sendable {
    /// The byte in front of the part that decides.
    public let opening: UInt8
    /// The byte behind it.
    public let closing: UInt8

    /// Curly braces.
    public static let braces = HashTag(opening: 0x7B, closing: 0x7D)

    /// Any two bytes, which may be the same.
    public init(opening: UInt8, closing: UInt8) {
        self.opening = opening
        self.closing = closing
    }

    /// Reads two ASCII characters, such as `{}`; nil for anything else.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 2, bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
        self.init(opening: bytes[0], closing: bytes[1])
    }

    /// The part of `key` that decides.
    public func range(in key: Span<UInt8>) -> Range<Int> {
        var start = 0
        while start < key.count, key[start] != opening { start &+= 1 }
        var end = start &+ 1
        while end < key.count, key[end] != closing { end &+= 1 }
        return end < key.count && end > start &+ 1 ? start &+ 1..<end : 0..<key.count
    }
}
