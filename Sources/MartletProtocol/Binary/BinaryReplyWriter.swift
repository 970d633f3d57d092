/// Replies of the binary protocol to bytes: written at a cursor, as everything by `WireWriter`.
public enum BinaryReplyWriter {
    /// Room for a header and all that is written here behind it but keys and values.
    public static var bytesMax: Int { 128 }

    /// Writes a header: 24 bytes. `request` is the header that is answered.
    @inlinable
    public static func header(
        _ request: BinaryHeader, status: BinaryStatus = .success, extrasBytes: Int = 0, keyBytes: Int = 0,
        bodyBytes: Int = 0, token: UInt64 = 0, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        cursor.storeBytes(of: BinaryHeader.replyMagic, as: UInt8.self)
        cursor.storeBytes(of: request.opcode, toByteOffset: 1, as: UInt8.self)
        cursor.storeBytes(of: UInt16(truncatingIfNeeded: keyBytes).bigEndian, toByteOffset: 2, as: UInt16.self)
        cursor.storeBytes(of: UInt8(truncatingIfNeeded: extrasBytes), toByteOffset: 4, as: UInt8.self)
        cursor.storeBytes(of: 0, toByteOffset: 5, as: UInt8.self)
        cursor.storeBytes(of: status.rawValue.bigEndian, toByteOffset: 6, as: UInt16.self)
        cursor.storeBytes(of: UInt32(truncatingIfNeeded: bodyBytes).bigEndian, toByteOffset: 8, as: UInt32.self)
        cursor.storeBytes(of: request.opaque, toByteOffset: 12, as: UInt32.self)
        cursor.storeBytes(of: token.bigEndian, toByteOffset: 16, as: UInt64.self)
        return cursor + BinaryHeader.bytes
    }

    /// Writes a status with the text that belongs to it: at most `bytesMax` bytes.
    public static func status(
        _ status: BinaryStatus, _ request: BinaryHeader, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let body = header(request, status: status, bodyBytes: status.text.utf8CodeUnitCount, at: cursor)
        return WireWriter.text(status.text, at: body)
    }

    /// Writes a 32-bit number, such as client flags: 4 bytes.
    @inlinable
    public static func word(_ value: UInt32, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        cursor.storeBytes(of: value.bigEndian, as: UInt32.self)
        return cursor + 4
    }

    /// Writes a 64-bit number, what a counter has come to: 8 bytes.
    @inlinable
    public static func longWord(_ value: UInt64, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        cursor.storeBytes(of: value.bigEndian, as: UInt64.self)
        return cursor + 8
    }
}
