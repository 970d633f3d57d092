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
    /// The size of a part; larger where a value would have more than 4,096.
    public var partBytes: Int { didSet { partBytes = Self.possible(partBytes) } }
    /// Whether the parts go to servers as their own names say. Else they are on the server of the key itself.
    public var isSpread: Bool

    /// Sizes in bytes; parts of less than 1,024 are made as large as that, and those of more than 1 GiB as small.
    public init(bytesMax: Int = 900_000, partBytes: Int = 256 << 10, isSpread: Bool = true) {
        self.bytesMax = bytesMax
        self.partBytes = Self.possible(partBytes)
        self.isSpread = isSpread
    }

    private static func possible(_ partBytes: Int) -> Int {
        min(max(partBytes, 1024), CacheConfiguration.valueBytesLimit)
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
    /// A list is 28 bytes that anybody may have stored: it must not make a client ask for any number of parts.
    package static let countMax = 4096
    private static let spread: UInt32 = 0x4D56_5053
    private static let together: UInt32 = 0x4D56_504B
    static let bytes = 28

    let isSpread: Bool
    package let partBytes: Int
    let length: Int
    let checksum: UInt64
    let number: UInt32

    package var count: Int { Self.count(of: length, partBytes) }

    /// Both numbers may be anybody's, and as large as they can be.
    private static func count(of length: Int, _ partBytes: Int) -> Int {
        length == 0 ? 0 : (length - 1) / partBytes + 1
    }

    /// For a value to be stored.
    package init(of value: ByteBuffer, _ splitting: ValueSplitting) {
        isSpread = splitting.isSpread
        length = value.readableBytes
        partBytes = max(splitting.partBytes, Self.count(of: length, Self.countMax))
        checksum = Self.checksum(value)
        number = UInt32.random(in: .min ... .max)
    }

    /// What stands in an item; nil if it is something else, or a value of more than `bytesMax` or `countMax` parts.
    package init?(decoding buffer: ByteBuffer, bytesMax: Int) {
        var buffer = buffer
        guard buffer.readableBytes == Self.bytes, let signature = buffer.readInteger(as: UInt32.self),
            signature == Self.spread || signature == Self.together,
            let partBytes = buffer.readInteger(as: UInt32.self), partBytes >= 1024,
            let length = buffer.readInteger(as: UInt64.self), length <= UInt64(max(bytesMax, 0)),
            Self.count(of: Int(length), Int(partBytes)) <= Self.countMax,
            let checksum = buffer.readInteger(as: UInt64.self), let number = buffer.readInteger(as: UInt32.self)
        else { return nil }
        isSpread = signature == Self.spread
        self.partBytes = Int(partBytes)
        self.length = Int(length)
        self.checksum = checksum
        self.number = number
    }

    /// What the part must have.
    func bytes(_ index: Int) -> Int { min(partBytes, length - index * partBytes) }

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
