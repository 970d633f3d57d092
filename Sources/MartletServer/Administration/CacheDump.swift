import MartletStore

/// The reply to `stats cachedump <class> <limit>`: `ITEM <key> [<bytes> b; <unix second of expiry, 0 for never> s]`.
///
/// At most 1 MiB of it, and at most `limit` items (0 for no such bound). It is gathered in slices of a few items, so no
/// lock is held for long, but the worker that answers does nothing else meanwhile.
struct CacheDump {
    private(set) var text = StatisticsText()

    private static let textBytesMax = 1 << 20

    /// `startSecond`: the unix second that the server second 0 belongs to. `now`: the current server second.
    init(_ words: ArraySlice<String>, _ store: CacheStore, startSecond: Int64, now: UInt32) {
        guard words.count >= 2 else {
            text = StatisticsText("CLIENT_ERROR bad command line")
            return
        }
        guard let slabClass = UInt32(words[words.startIndex]), let limit = UInt32(words[words.startIndex + 1]) else {
            text = StatisticsText("CLIENT_ERROR bad command line format")
            return
        }
        guard slabClass <= store.slabClassMax else {
            text = StatisticsText("CLIENT_ERROR Illegal slab id")
            return
        }
        var left = limit == 0 ? Int.max : Int(limit)
        var text = StatisticsText()
        // There is no class 0, whose items memcached tells nevertheless: none.
        if slabClass >= 1 {
            store.forEachItem(ofClass: Int(slabClass), now: now) { key, valueLength, expiry in
                let second = expiry == 0 ? 0 : startSecond + Int64(expiry)
                text.addItem(key, " [\(valueLength) b; \(second) s]")
                left -= 1
                return left > 0 && text.bytes.count < Self.textBytesMax
            }
        }
        text.end()
        self.text = text
    }
}
