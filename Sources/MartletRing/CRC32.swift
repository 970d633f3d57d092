/// The CRC of IEEE 802.3, reflected, polynomial 0xEDB88320: zlib's, and gomemcache's.
enum CRC32 {
    /// The remainder of each byte, worked out on first use.
    private static let remainders: InlineArray<256, UInt32> = {
        var remainders = InlineArray<256, UInt32>(repeating: 0)
        for byte in 0..<256 {
            var remainder = UInt32(truncatingIfNeeded: byte)
            for _ in 0..<8 { remainder = remainder &>> 1 ^ (remainder & 1 == 1 ? 0xEDB8_8320 : 0) }
            remainders[byte] = remainder
        }
        return remainders
    }()

    static func hash(_ key: Span<UInt8>) -> UInt32 {
        var sum = UInt32.max
        for index in key.indices { sum = sum &>> 8 ^ remainders[Int((sum ^ UInt32(key[index])) & 0xFF)] }
        return ~sum
    }
}
