/// Every bound the wire format has, in one place. Bytes of lines count without their line end unless said otherwise.
public enum WireLimits {
    /// Longest key, as it stands on the line (a base64 key is measured before it is decoded).
    @inlinable public static var keyBytesMax: Int { 250 }

    /// Longest command line, with the CR of its end. A longer one closes the connection, complete or not: an answer that
    /// depended on how the line was cut into packets would be no answer.
    @inlinable public static var lineBytesMax: Int { 2048 }

    /// Longest line of `get`, `gets`, `gat` and `gats`, which may name any number of keys.
    @inlinable public static var multigetLineBytesMax: Int { 64 << 20 }

    /// Shortest command line, counted **with** its line end.
    @inlinable public static var lineWithEndBytesMin: Int { 4 }

    /// Words of a meta command, the command itself included.
    @inlinable public static var metaTokensMax: Int { 20 }

    /// An opaque token with its leading `O`.
    @inlinable public static var opaqueBytesMax: Int { 32 }

    /// Longest value a storage command may announce: its two closing bytes still fit a signed 32-bit length.
    @inlinable public static var valueBytesMax: Int { Int(Int32.max) - 2 }

    /// Most digits (and sign) a 32-bit and a 64-bit number may have on the line, leading zeros included. Flags and
    /// exptime of the classic stores may have any number of zeros.
    @inlinable public static var digits32Max: Int { 11 }
    @inlinable public static var digits64Max: Int { 22 }

    /// Longest body of a request of the binary protocol: extras, key and value.
    @inlinable public static var binaryBodyBytesMax: Int { 1 << 30 }

    /// Longest line of a reply: a status, a value's header, a statistic.
    @inlinable public static var replyLineBytesMax: Int { 8192 }

    /// Digits of the largest 64-bit number.
    @inlinable public static var decimalBytesMax: Int { 20 }
}
