/// Replies to bytes.
///
/// Every function writes at a cursor and gives the cursor behind what it wrote; none checks for room. The longest reply
/// line there is fits `lineBytesMax`, so a caller may reserve that and think no further; values come on top.
///
///     VALUE <key> <flags> <length>[ <token>]\r\n<value>\r\n    ...    END\r\n
///     VA <length>[ <flag>]*\r\n<value>\r\n
///     HD|EN|NF|NS|EX[ <flag>]*\r\n
public enum ReplyWriter {
    /// Room for any one line written here but `stat`, whose texts are the caller's.
    @inlinable public static var lineBytesMax: Int { 640 }

    /// Writes one of the fixed lines: at most `FixedReply.bytesMax` bytes.
    @inlinable
    public static func fixed(_ reply: FixedReply, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        WireWriter.text(reply.line, at: cursor)
    }

    /// Writes a line with a number, the answer to `incr` and `decr`: at most 22 bytes.
    @inlinable
    public static func numberLine(_ value: UInt64, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        WireWriter.lineEnd(at: WireWriter.number(value, at: cursor))
    }

    // MARK: Classic values

    /// Writes `VALUE <key> <flags> <length>[ <token>]\r\n`: at most 60 bytes more than the key.
    @inlinable
    public static func valueHeader(
        key: UnsafeRawBufferPointer, clientFlags: UInt32, valueLength: Int, token: UInt64? = nil,
        at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = WireWriter.text("VALUE ", at: start)
        cursor = WireWriter.byte(0x20, at: WireWriter.bytes(key, at: cursor))
        cursor = WireWriter.byte(0x20, at: WireWriter.number(UInt64(clientFlags), at: cursor))
        cursor = WireWriter.number(UInt64(truncatingIfNeeded: valueLength), at: cursor)
        if let token { cursor = WireWriter.number(token, at: WireWriter.byte(0x20, at: cursor)) }
        return WireWriter.lineEnd(at: cursor)
    }

    /// The same without a token, the key given as it stands on the request's line.
    @inlinable
    public static func valueHeader(
        key: UnsafeRawPointer, keyBytes: Int, clientFlags: UInt32, valueLength: Int, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = WireWriter.text("VALUE ", at: start)
        cursor = WireWriter.byte(0x20, at: WireWriter.shortBytes(key, keyBytes, at: cursor))
        cursor = WireWriter.byte(0x20, at: WireWriter.number(UInt64(clientFlags), at: cursor))
        return WireWriter.lineEnd(at: WireWriter.number(UInt64(truncatingIfNeeded: valueLength), at: cursor))
    }

    /// Writes `END\r\n`: 5 bytes.
    @inlinable
    public static func end(at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        WireWriter.text("END\r\n", at: cursor)
    }

    // MARK: Meta

    /// Writes a two-letter status without line end: 2 bytes.
    @inlinable
    public static func status(_ status: MetaStatus, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        cursor.storeBytes(of: status.rawValue.littleEndian, as: UInt16.self)
        return cursor + 2
    }

    /// Writes `VA <length>` without line end: at most 23 bytes.
    @inlinable
    public static func valueStatus(length: Int, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        WireWriter.number(UInt64(truncatingIfNeeded: length), at: WireWriter.text("VA ", at: cursor))
    }

    /// Writes a flag without argument, such as ` W`: 2 bytes.
    @inlinable
    public static func flag(_ letter: UInt8, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        WireWriter.byte(letter, at: WireWriter.byte(0x20, at: cursor))
    }

    /// Writes a flag with a number, such as ` s100`: at most 22 bytes.
    @inlinable
    public static func flag(
        _ letter: UInt8, _ value: UInt64, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        WireWriter.number(value, at: flag(letter, at: cursor))
    }

    /// Writes ` t<seconds>`, ` t-1` for nil (never expires): at most 22 bytes.
    @inlinable
    public static func timeToLive(_ seconds: UInt64?, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        guard let seconds else { return WireWriter.text(" t-1", at: cursor) }
        return flag(0x74, seconds, at: cursor)
    }

    /// Writes ` O<opaque>`: 2 bytes more than the opaque, which comes without its letter.
    @inlinable
    public static func opaque(
        _ opaque: UnsafeRawBufferPointer, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        WireWriter.bytes(opaque, at: flag(0x4F, at: cursor))
    }

    /// Writes ` k<key>`, for a base64 key (as it stood on the line) ` k<key> b`: at most 4 bytes more than the key.
    @inlinable
    public static func key(
        _ key: UnsafeRawBufferPointer, isBase64: Bool, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let end = WireWriter.bytes(key, at: flag(0x6B, at: cursor))
        return isBase64 ? flag(0x62, at: end) : end
    }

    /// Writes the answer to `me` (`nil` expiry: never): at most 160 bytes more than the key, which is written as it
    /// stood on the line.
    package static func debugLine(
        key: UnsafeRawBufferPointer, secondsLeft: Int64?, secondsSinceAccess: UInt64, token: UInt64, wasFetched: Bool,
        slabClass: Int, itemBytes: Int, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = WireWriter.bytes(key, at: WireWriter.text("ME ", at: start))
        cursor = WireWriter.signed(secondsLeft ?? -1, at: WireWriter.text(" exp=", at: cursor))
        cursor = WireWriter.number(secondsSinceAccess, at: WireWriter.text(" la=", at: cursor))
        cursor = WireWriter.number(token, at: WireWriter.text(" cas=", at: cursor))
        cursor = WireWriter.text(wasFetched ? " fetch=yes" : " fetch=no", at: cursor)
        cursor = WireWriter.number(UInt64(truncatingIfNeeded: slabClass), at: WireWriter.text(" cls=", at: cursor))
        cursor = WireWriter.number(UInt64(truncatingIfNeeded: itemBytes), at: WireWriter.text(" size=", at: cursor))
        return WireWriter.lineEnd(at: cursor)
    }

    // MARK: Others

    /// Writes `VERSION <version>\r\n`: 10 bytes more than the version.
    package static func version(
        _ version: UnsafeRawBufferPointer, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        WireWriter.lineEnd(at: WireWriter.bytes(version, at: WireWriter.text("VERSION ", at: cursor)))
    }

    /// Writes `STAT <name> <value>\r\n`: 8 bytes more than name and value.
    package static func stat(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let cursor = WireWriter.byte(0x20, at: WireWriter.bytes(name, at: WireWriter.text("STAT ", at: start)))
        return WireWriter.lineEnd(at: WireWriter.bytes(value, at: cursor))
    }

    /// Writes `STAT <name> <number>\r\n`: at most 28 bytes more than the name.
    package static func stat(
        _ name: StaticString, _ value: UInt64, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let cursor = WireWriter.byte(0x20, at: WireWriter.text(name, at: WireWriter.text("STAT ", at: start)))
        return WireWriter.lineEnd(at: WireWriter.number(value, at: cursor))
    }
}
