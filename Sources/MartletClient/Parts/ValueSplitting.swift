import NIOCore

/// Values too large for one item, cut into several.
///
/// Servers take values up to 1 MB as they come, and large ones unwillingly: with this, they go into items of
/// `partBytes`, and the key's own item says where they are. Any part that is gone is a miss of the whole.
///
/// What it costs: two round trips for a retrieval, three for a touch, which goes to the parts as well (but not on servers
/// without the meta protocol, where a retrieval with another life does); parts of a value that was replaced or removed
/// stay until they expire or are evicted, so give split values a life. Other clients cannot read them.
public struct ValueSplitting: Sendable {
    /// Values above this are cut.
    public var bytesMax: Int
    /// The size of a part.
    public var partBytes: Int
    /// Whether the parts go to servers as their own names say. Else they are on the server of the key itself.
    public var isSpread: Bool

    /// Sizes in bytes; parts of less than 1,024 are made as large as that.
    public init(bytesMax: Int = 900_000, partBytes: Int = 256 << 10, isSpread: Bool = true) {
        self.bytesMax = bytesMax
        self.partBytes = max(partBytes, 1024)
        self.isSpread = isSpread
    }
}

/// What the item of a cut value says.
///
///      0        4                8          16         24         28            (bytes, big-endian)
///     +--------+----------------+----------+----------+----------+
///     | 'MVPS' | length of parts| length   | checksum | number   |
///     | 'MVPK' | 32 bits        | 64 bits  | 64 bits  | 32 bits  |
///     +--------+----------------+----------+----------+----------+
///
/// `S` where the parts are spread, `K` where they are on the key's own server. The number is drawn anew for each store,
/// so that parts of different values never mix: the part `i` of `key` is called `key:part:<number>:<i>`.
package struct ValueParts: Equatable, Sendable {
    private static let spread: UInt32 = 0x4D56_5053
    private static let together: UInt32 = 0x4D56_504B
    static let bytes = 28

    let isSpread: Bool
    package let partBytes: Int
    let length: Int
    let checksum: UInt64
    let number: UInt32

    package var count: Int { (length + partBytes - 1) / partBytes }

    /// For a value to be stored.
    package init(of value: ByteBuffer, _ splitting: ValueSplitting) {
        isSpread = splitting.isSpread
        partBytes = splitting.partBytes
        length = value.readableBytes
        checksum = Self.checksum(value)
        number = UInt32.random(in: .min ... .max)
    }

    /// What stands in an item; nil if it is something else, or a value of more than `bytesMax`.
    package init?(decoding buffer: ByteBuffer, bytesMax: Int) {
        var buffer = buffer
        guard buffer.readableBytes == Self.bytes, let signature = buffer.readInteger(as: UInt32.self),
            signature == Self.spread || signature == Self.together,
            let partBytes = buffer.readInteger(as: UInt32.self), partBytes >= 1024,
            let length = buffer.readInteger(as: UInt64.self), length <= UInt64(bytesMax),
            let checksum = buffer.readInteger(as: UInt64.self), let number = buffer.readInteger(as: UInt32.self)
        else { return nil }
        isSpread = signature == Self.spread
        self.partBytes = Int(partBytes)
        self.length = Int(length)
        self.checksum = checksum
        self.number = number
    }

    package var encoded: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(isSpread ? Self.spread : Self.together)
        buffer.writeInteger(UInt32(truncatingIfNeeded: partBytes))
        buffer.writeInteger(UInt64(length))
        buffer.writeInteger(checksum)
        buffer.writeInteger(number)
        return buffer
    }

    /// The name of a part, on the key's own server unless the parts are spread.
    package func key(_ index: Int, of key: CacheKey) -> CacheKey {
        let name = key.bytes + Array(":part:\(number):\(index)".utf8)
        return CacheKey(bytes: name, routingKey: isSpread ? nil : key.routingBytes)
    }

    /// FNV-1a, eight bytes at a time: it is to find mixed up and missing parts, not to withstand anybody.
    static func checksum(_ value: ByteBuffer) -> UInt64 {
        var value = value
        var sum: UInt64 = 0xCBF2_9CE4_8422_2325
        while let word = value.readInteger(as: UInt64.self) { sum = (sum ^ word) &* 0x0000_0100_0000_01B3 ^ sum >> 29 }
        while let byte = value.readInteger(as: UInt8.self) { sum = (sum ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return sum
    }
}
