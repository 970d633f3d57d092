import NIOCore

/// How values become shorter on their way to the servers, and long again on the way back.
///
/// Who reads a cache with other clients leaves it out, or at values that only this one reads: it is kept in the client
/// flags, which others do not know. What was stored under one setting is read under any other, as long as the codec is
/// the same or LZ4. Values that are appended to must not be compressed: keep them below the bound.
public struct CacheCompression: Sendable {
    /// Values below this are stored as they are.
    public var bytesMin: Int
    /// What makes them shorter.
    public var codec: any CompressionCodec

    /// Compression of values of `bytesMin` bytes and more.
    public init(bytesMin: Int = 1024, codec: any CompressionCodec = LZ4Compression()) {
        self.bytesMin = bytesMin
        self.codec = codec
    }

    /// LZ4 for values of `bytesMin` and more.
    public static func lz4(bytesMin: Int = 1024) -> CacheCompression { CacheCompression(bytesMin: bytesMin) }

    /// What is not at least an eighth shorter is not worth the time to make it long again.
    func compress(_ value: ByteBuffer) -> (ByteBuffer, CompressionMark)? {
        let count = value.readableBytes
        guard count >= max(bytesMin, 1), count <= Int(UInt32.max) else { return nil }
        guard let short = codec.compress(value, bytesMax: count - count / 8 - 4), short.readableBytes < count - 4 else {
            return nil
        }
        var buffer = ByteBuffer()
        buffer.reserveCapacity(short.readableBytes + 4)
        // How long it will be comes first.
        buffer.writeInteger(UInt32(truncatingIfNeeded: count))
        buffer.writeImmutableBuffer(short)
        return (buffer, codec.mark)
    }

    /// nil if the bytes are none of `codec`'s, or more than `bytesMax`.
    static func decompress(_ value: ByteBuffer, _ codec: any CompressionCodec, bytesMax: Int) -> ByteBuffer? {
        var value = value
        guard let count = value.readInteger(as: UInt32.self), count <= bytesMax else { return nil }
        return codec.decompress(value, count: Int(count))
    }
}

/// A way to make values shorter.
public protocol CompressionCodec: Sendable {
    /// Kept with each item.
    var mark: CompressionMark { get }

    /// The short form; nil if it would be longer than `bytesMax`.
    func compress(_ value: ByteBuffer, bytesMax: Int) -> ByteBuffer?

    /// The value, which is `count` bytes long; nil if that is not what `compressed` stands for. It comes from a server,
    /// and may be anything.
    func decompress(_ compressed: ByteBuffer, count: Int) -> ByteBuffer?
}

/// LZ4: little work, and half the size for texts and JSON.
public struct LZ4Compression: CompressionCodec {
    /// A codec; all are the same.
    public init() {}

    /// `CompressionMark.lz4`.
    public var mark: CompressionMark { .lz4 }

    /// One LZ4 block, without a frame; nil if it would be longer than `bytesMax`.
    public func compress(_ value: ByteBuffer, bytesMax: Int) -> ByteBuffer? {
        LZ4.compress(value, bytesMax: bytesMax).map { ByteBuffer(bytes: $0) }
    }

    /// Reads one block of `count` bytes; nil if it is none, whatever it is.
    public func decompress(_ compressed: ByteBuffer, count: Int) -> ByteBuffer? {
        LZ4.decompress(compressed, count: count).map { ByteBuffer(bytes: $0) }
    }
}

/// Which codec made a value shorter: bits 28 and 29 of the client flags.
public struct CompressionMark: RawRepresentable, Hashable, Sendable {
    /// 0...3.
    public let rawValue: UInt8

    /// nil beyond 3.
    public init?(rawValue: UInt8) {
        guard rawValue < 4 else { return nil }
        self.rawValue = rawValue
    }

    private init(_ rawValue: UInt8) { self.rawValue = rawValue }

    static let none = CompressionMark(0)
    /// LZ4 blocks.
    public static let lz4 = CompressionMark(1)
    /// For a codec of one's own.
    public static let own = CompressionMark(2)

    var clientFlags: UInt32 { UInt32(rawValue) << 28 }

    init(clientFlags: UInt32) { rawValue = UInt8(truncatingIfNeeded: clientFlags >> 28 & 3) }
}
