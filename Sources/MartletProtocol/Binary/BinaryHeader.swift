// The binary protocol: memcached's second one, given up by its authors and still spoken by older clients.
//
// A request is a header, extras, a key and a value; a reply is the same. Everything here has a counterpart among the
// lines and is turned into the same `Request`, so that whatever carries out a request need not know how it came.
// Opcode, opaque and token of a reply come from the request's header, which stays where the line would be.
//
// Goals: memcached 1.6.45's answers, byte by byte, quiet forms included; no trap reachable from the wire.
// Non-goals: SASL, and the opcodes that memcached has names for but does not carry out.
//
// This folder, `MartletServer/Execution/Binary` and one branch in `ConnectionMachine` are all there is of it.

/// The 24 bytes in front of every request and reply, numbers in network order.
///
///      0      1        2            4        5        6             8          12       16     24
///     |magic |opcode  |key bytes   |extras  |type    |status       |body bytes|opaque  |token |
///     |0x80  |        |            |bytes   |0       |(of replies) |          |        |      |
///
/// Behind it stand `bodyBytes`: extras, key, value. The opaque comes back as it was sent.
@frozen
public struct BinaryHeader: BitwiseCopyable, Sendable {
    public let opcode: UInt8
    public let extrasBytes: UInt8
    public let keyBytes: UInt16
    public let bodyBytes: UInt32
    /// As on the wire.
    public let opaque: UInt32
    public let token: UInt64

    @inlinable public static var bytes: Int { 24 }
    @inlinable public static var requestMagic: UInt8 { 0x80 }
    @inlinable public static var replyMagic: UInt8 { 0x81 }

    /// Reads the header at `start`, which has `bytes` bytes.
    public init(at start: UnsafeRawPointer) {
        opcode = start.load(fromByteOffset: 1, as: UInt8.self)
        keyBytes = UInt16(bigEndian: start.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        extrasBytes = start.load(fromByteOffset: 4, as: UInt8.self)
        bodyBytes = UInt32(bigEndian: start.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        opaque = start.loadUnaligned(fromByteOffset: 12, as: UInt32.self)
        token = UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
    }
}
