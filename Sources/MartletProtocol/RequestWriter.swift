/// Requests to bytes: the client's direction.
///
/// As in `ReplyWriter`, every function writes at a cursor and gives the cursor behind what it wrote. The longest line
/// with one key fits `lineBytesMax`. Keys are written as they are: whoever takes keys from strangers checks them first
/// with `isSafeKey`, because a space or a line end in a key would be read as more of the command.
///
///     storage(...)  value + CR LF                 set <key> <flags> <exptime> <length>[ noreply]\r\n<value>\r\n
///     word(...) key(...) key(...) lineEnd         get <key> <key>\r\n
///     meta(...) flag(...) flag(...) lineEnd       mg <key> v t\r\n
public enum RequestWriter {
    /// Room for a line with one key.
    @inlinable public static var lineBytesMax: Int { 640 }

    /// Whether a text can stand as a key: 1...250 bytes, no space, no control byte.
    package static func isSafeKey(_ key: UnsafeRawBufferPointer) -> Bool {
        guard key.count > 0, key.count <= WireLimits.keyBytesMax else { return false }
        for byte in key where byte <= 0x20 || byte == 0x7F { return false }
        return true
    }

    // MARK: Pieces

    /// Writes the command's word: at most 14 bytes.
    @inlinable
    public static func word(_ command: Command, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        WireWriter.text(command.word, at: cursor)
    }

    /// Writes a space and a key: 1 byte more than the key.
    @inlinable
    public static func key(
        _ key: UnsafeRawBufferPointer, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        WireWriter.bytes(key, at: WireWriter.byte(0x20, at: cursor))
    }

    /// Writes a space and a number: at most 21 bytes.
    @inlinable
    public static func number(_ value: UInt64, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        WireWriter.number(value, at: WireWriter.byte(0x20, at: cursor))
    }

    /// Writes a space and a signed number, such as an exptime: at most 21 bytes.
    @inlinable
    public static func signed(_ value: Int64, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        WireWriter.signed(value, at: WireWriter.byte(0x20, at: cursor))
    }

    /// Ends a line, with `noreply` before the end if asked for: at most 10 bytes.
    @inlinable
    public static func lineEnd(noreply: Bool = false, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        noreply ? WireWriter.text(" noreply\r\n", at: cursor) : WireWriter.lineEnd(at: cursor)
    }

    // MARK: Classic lines

    /// Writes a storage command up to its data block, which the caller appends with CR LF: at most 90 bytes more than
    /// the key.
    package static func storage(
        _ command: Command, key: UnsafeRawBufferPointer, clientFlags: UInt32 = 0, exptime: Int32 = 0, valueLength: Int,
        token: UInt64? = nil, noreply: Bool = false, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = self.key(key, at: word(command, at: start))
        cursor = number(UInt64(clientFlags), at: cursor)
        cursor = signed(Int64(exptime), at: cursor)
        cursor = number(UInt64(truncatingIfNeeded: valueLength), at: cursor)
        if let token { cursor = number(token, at: cursor) }
        return lineEnd(noreply: noreply, at: cursor)
    }

    /// Writes `get`, `gets` or `delete` with one key: at most 20 bytes more than the key.
    package static func line(
        _ command: Command, key: UnsafeRawBufferPointer, noreply: Bool = false, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        lineEnd(noreply: noreply, at: self.key(key, at: word(command, at: start)))
    }

    /// Writes `incr`, `decr` or `touch`: at most 40 bytes more than the key.
    package static func line(
        _ command: Command, key: UnsafeRawBufferPointer, number value: UInt64, noreply: Bool = false,
        at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        lineEnd(noreply: noreply, at: number(value, at: self.key(key, at: word(command, at: start))))
    }

    // MARK: Meta

    /// Writes `<cm> <key>[ <length>]`, to be followed by flags and a line end: at most 14 bytes more than the key.
    package static func meta(
        _ command: Command, key: UnsafeRawBufferPointer, valueLength: Int? = nil, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let cursor = self.key(key, at: word(command, at: start))
        guard let valueLength else { return cursor }
        return number(UInt64(truncatingIfNeeded: valueLength), at: cursor)
    }

    /// Writes a flag without argument: 2 bytes.
    @inlinable
    public static func flag(_ letter: Unicode.Scalar, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        ReplyWriter.flag(UInt8(truncatingIfNeeded: letter.value), at: cursor)
    }

    /// Writes a flag with a number: at most 22 bytes.
    @inlinable
    public static func flag(
        _ letter: Unicode.Scalar, _ value: UInt64, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        WireWriter.number(value, at: flag(letter, at: cursor))
    }

    /// Writes a flag with a signed number, such as `T-1`: at most 22 bytes.
    @inlinable
    public static func flag(
        _ letter: Unicode.Scalar, signed value: Int64, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        WireWriter.signed(value, at: flag(letter, at: cursor))
    }

    /// Writes a flag with a text, such as an opaque: 2 bytes more than the text.
    @inlinable
    public static func flag(
        _ letter: Unicode.Scalar, _ text: UnsafeRawBufferPointer, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        WireWriter.bytes(text, at: flag(letter, at: cursor))
    }
}
