/// `lfu`: read least since it was stored, counted up to three; of equals the one unread for longest.
enum LeastFrequentlyUsed: WindowPolicy {
    @inline(__always)
    static func rank(_ item: WindowItem, lots: inout UInt64) -> UInt64 {
        UInt64(item.access.frequency) << 32 | UInt64(item.lastAccess)
    }
}
