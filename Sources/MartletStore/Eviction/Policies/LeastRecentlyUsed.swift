/// `lru`: unread for longest. Of items read in the same second the one with fewer hits.
enum LeastRecentlyUsed: WindowPolicy {
    @inline(__always)
    static func rank(_ item: WindowItem, lots: inout UInt64) -> UInt64 {
        UInt64(item.lastAccess) << 2 | UInt64(item.access.frequency)
    }
}
