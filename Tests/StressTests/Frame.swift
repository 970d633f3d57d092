import Glibc

/// Values that describe themselves: one or more frames, each with key, version, length and a body that only this frame
/// can have. Appends and prepends add whole frames, so whatever is read must be frames of its key from end to end.
///
///     off size field
///       0    4 mark
///       4    4 key
///       8    8 version
///      16    4 body length
///      20    4 key ^ version ^ length
///      24    . body: a piece of the pattern at a place that key and version choose
struct Frame {
    static let headerBytes = 24
    private static let mark: UInt32 = 0x4672_616d

    let key: Int
    let version: UInt64
    let bodyLength: Int

    var count: Int { Self.headerBytes + bodyLength }

    private var check: UInt32 {
        UInt32(truncatingIfNeeded: key) ^ UInt32(truncatingIfNeeded: version) ^ UInt32(bodyLength)
    }

    private static let placeCount = 4093
    private static let bodyBytesMax = 1 << 20

    private static let pattern: [UInt8] = {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(bodyBytesMax + placeCount + 8)
        var state: UInt64 = 3
        while bytes.count < bodyBytesMax + placeCount {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            withUnsafeBytes(of: state >> 8) { bytes.append(contentsOf: $0.prefix(7)) }
        }
        return bytes
    }()

    private var place: Int {
        Int((UInt64(key) &* 31 &+ version) % UInt64(Self.placeCount))
    }

    var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let start = UnsafeMutableRawPointer(buffer.baseAddress!)
            start.storeBytes(of: Self.mark, as: UInt32.self)
            start.storeBytes(of: UInt32(key), toByteOffset: 4, as: UInt32.self)
            start.storeBytes(of: version, toByteOffset: 8, as: UInt64.self)
            start.storeBytes(of: UInt32(bodyLength), toByteOffset: 16, as: UInt32.self)
            start.storeBytes(of: check, toByteOffset: 20, as: UInt32.self)
            Self.pattern.withUnsafeBytes {
                (start + Self.headerBytes).copyMemory(from: $0.baseAddress! + place, byteCount: bodyLength)
            }
            initialized = count
        }
    }

    /// What is wrong with a value of `key`, nil if nothing; an empty value is nothing's fault (`mg N` and `md x` make
    /// them).
    static func fault(in value: [UInt8], of key: Int) -> String? {
        value.withUnsafeBytes { bytes in
            var position = 0
            while position < bytes.count {
                let rest = bytes.count - position
                guard rest >= headerBytes, bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self) == mark else {
                    return "no frame at \(position) of \(bytes.count)"
                }
                let frame = Frame(
                    key: Int(bytes.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self)),
                    version: bytes.loadUnaligned(fromByteOffset: position + 8, as: UInt64.self),
                    bodyLength: Int(bytes.loadUnaligned(fromByteOffset: position + 16, as: UInt32.self)))
                guard frame.bodyLength <= rest - headerBytes,
                    bytes.loadUnaligned(fromByteOffset: position + 20, as: UInt32.self) == frame.check
                else { return "a torn frame at \(position) of \(bytes.count)" }
                if frame.key != key { return "a frame of key \(frame.key) in the value of key \(key)" }
                let isSame = pattern.withUnsafeBytes {
                    memcmp(
                        bytes.baseAddress! + position + headerBytes, $0.baseAddress! + frame.place, frame.bodyLength)
                        == 0
                }
                if !isSame { return "a frame of another body at \(position) of \(bytes.count)" }
                position += frame.count
            }
            return nil
        }
    }
}
