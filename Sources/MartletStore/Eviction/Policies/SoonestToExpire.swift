/// `ttl`: the shortest remaining life; items that live for ever go last, the one unread for longest first.
enum SoonestToExpire: WindowPolicy {
    @inline(__always)
    static func rank(_ item: WindowItem, lots: inout UInt64) -> UInt64 {
        UInt64(item.expiry == 0 ? .max : item.expiry) << 32 | UInt64(item.lastAccess)
    }
}
