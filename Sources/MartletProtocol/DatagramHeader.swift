/// The eight bytes in front of every datagram, numbers in network order.
///
///      0        2          4          6        8
///     |request |sequence  |datagrams |0       | command lines, replies or the binary protocol
///     |id      |number    |in all    |        |
///
/// A request is one datagram. A reply is as many as it takes, all with the request's id and numbered from 0.
@frozen
public struct DatagramHeader: BitwiseCopyable, Sendable, Equatable {
    public var requestId: UInt16
    public var sequence: UInt16
    public var datagramCount: UInt16

    @inlinable public static var bytes: Int { 8 }
    /// What a datagram of a reply carries besides its header: 1400 bytes with it, which no usual network cuts.
    @inlinable public static var payloadBytesMax: Int { 1392 }

    public init(requestId: UInt16, sequence: UInt16, datagramCount: UInt16) {
        self.requestId = requestId
        self.sequence = sequence
        self.datagramCount = datagramCount
    }

    /// Reads the header of a request; nil if nothing is behind it, or it claims to be one of several datagrams.
    public init?(ofRequest datagram: UnsafeRawBufferPointer) {
        guard datagram.count > Self.bytes else { return nil }
        requestId = UInt16(bigEndian: datagram.loadUnaligned(as: UInt16.self))
        sequence = UInt16(bigEndian: datagram.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        datagramCount = UInt16(bigEndian: datagram.loadUnaligned(fromByteOffset: 4, as: UInt16.self))
        guard datagramCount == 1 else { return nil }
    }

    /// Writes the header: 8 bytes.
    public func write(at cursor: UnsafeMutableRawPointer) {
        cursor.storeBytes(of: requestId.bigEndian, as: UInt16.self)
        cursor.storeBytes(of: sequence.bigEndian, toByteOffset: 2, as: UInt16.self)
        cursor.storeBytes(of: datagramCount.bigEndian, toByteOffset: 4, as: UInt16.self)
        cursor.storeBytes(of: 0, toByteOffset: 6, as: UInt16.self)
    }
}
