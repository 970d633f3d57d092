/// Base64 (RFC 4648, with padding) for binary keys.
///
/// Stricter than memcached's decoder, which skips bytes outside the alphabet: two spellings of one key that differ in
/// rubbish would be accepted and answered with a third.
public enum Base64 {
    /// Bytes that `text` stands for, 0 if it is empty or not base64.
    package static func decodedCount(_ text: UnsafeRawBufferPointer) -> Int {
        let count = text.count
        guard count >= 4, count % 4 == 0 else { return 0 }
        var padding = 0
        if text[count - 1] == 0x3D { padding = text[count - 2] == 0x3D ? 2 : 1 }
        for byte in text.prefix(count - padding) where sextet(byte) > 63 { return 0 }
        return count / 4 * 3 - padding
    }

    /// Decodes what `decodedCount` found to be base64; gives the number of bytes written, 0 if it is not base64.
    /// `destination` must have room for `decodedCount` bytes: at most `WireLimits.keyBytesMax` for a key.
    package static func decode(_ text: UnsafeRawBufferPointer, into destination: UnsafeMutableRawPointer) -> Int {
        let total = decodedCount(text)
        var written = 0
        var position = 0
        while written < total {
            var group: UInt32 = 0
            for index in 0..<4 {
                let byte = text[position + index]
                group = group << 6 | UInt32(byte == 0x3D ? 0 : sextet(byte))
            }
            position += 4
            var shift: UInt32 = 16
            for _ in 0..<min(3, total - written) {
                destination.storeBytes(
                    of: UInt8(truncatingIfNeeded: group >> shift), toByteOffset: written, as: UInt8.self)
                written += 1
                shift &-= 8
            }
        }
        return total
    }

    /// Bytes that `encode` writes.
    package static func encodedCount(_ count: Int) -> Int { (count + 2) / 3 * 4 }

    /// Writes `bytes` as base64 and gives the end of what was written: `encodedCount` bytes further.
    package static func encode(
        _ bytes: UnsafeRawBufferPointer, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = cursor
        var position = 0
        while position < bytes.count {
            let left = bytes.count - position
            var group = UInt32(bytes[position]) << 16
            if left > 1 { group |= UInt32(bytes[position + 1]) << 8 }
            if left > 2 { group |= UInt32(bytes[position + 2]) }
            cursor.storeBytes(of: letter(group >> 18), toByteOffset: 0, as: UInt8.self)
            cursor.storeBytes(of: letter(group >> 12), toByteOffset: 1, as: UInt8.self)
            cursor.storeBytes(of: left > 1 ? letter(group >> 6) : 0x3D, toByteOffset: 2, as: UInt8.self)
            cursor.storeBytes(of: left > 2 ? letter(group) : 0x3D, toByteOffset: 3, as: UInt8.self)
            cursor += 4
            position += 3
        }
        return cursor
    }

    /// The six bits a letter stands for, 255 if it is not in the alphabet.
    private static func sextet(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 0x41...0x5A: byte - 0x41
        case 0x61...0x7A: byte - 0x61 + 26
        case 0x30...0x39: byte - 0x30 + 52
        case 0x2B: 62
        case 0x2F: 63
        default: 255
        }
    }

    /// The letter for the lowest six bits.
    private static func letter(_ bits: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: bits & 63)
        return switch value {
        case 0..<26: 0x41 + value
        case 26..<52: 0x61 + (value - 26)
        case 52..<62: 0x30 + (value - 52)
        case 62: 0x2B
        default: 0x2F
        }
    }
}
