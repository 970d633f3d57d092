/// Bob Jenkins' lookup3, read little-endian: libmemcached's `jenkins`.
///
/// Twelve bytes at a time go through `mix`; the last one to twelve, filled up with zeros, through `last`. An empty key
/// is not mixed at all.
enum Jenkins {
    static func hash(_ key: Span<UInt8>, seed: UInt32) -> UInt32 {
        let start = 0xDEAD_BEEF &+ UInt32(truncatingIfNeeded: key.count) &+ seed
        var (a, b, c) = (start, start, start)
        var position = 0
        while key.count &- position > 12 {
            a &+= key.word32(at: position)
            b &+= key.word32(at: position &+ 4)
            c &+= key.word32(at: position &+ 8)
            mix(&a, &b, &c)
            position &+= 12
        }
        guard position < key.count else { return c }
        a &+= padded(key, position)
        b &+= padded(key, position &+ 4)
        c &+= padded(key, position &+ 8)
        last(&a, &b, &c)
        return c
    }

    /// Four bytes, zeros in the place of those behind the end.
    private static func padded(_ key: Span<UInt8>, _ position: Int) -> UInt32 {
        if position &+ 4 <= key.count { return key.word32(at: position) }
        return position < key.count ? key.tail(from: position) : 0
    }

    private static func turned(_ word: UInt32, _ bits: UInt32) -> UInt32 { word &<< bits | word &>> (32 &- bits) }

    private static func mix(_ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32) {
        a = (a &- c) ^ turned(c, 4)
        c &+= b
        b = (b &- a) ^ turned(a, 6)
        a &+= c
        c = (c &- b) ^ turned(b, 8)
        b &+= a
        a = (a &- c) ^ turned(c, 16)
        c &+= b
        b = (b &- a) ^ turned(a, 19)
        a &+= c
        c = (c &- b) ^ turned(b, 4)
        b &+= a
    }

    private static func last(_ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32) {
        c = (c ^ b) &- turned(b, 14)
        a = (a ^ c) &- turned(c, 11)
        b = (b ^ a) &- turned(a, 25)
        c = (c ^ b) &- turned(b, 16)
        a = (a ^ c) &- turned(c, 4)
        b = (b ^ a) &- turned(a, 14)
        c = (c ^ b) &- turned(b, 24)
    }
}
