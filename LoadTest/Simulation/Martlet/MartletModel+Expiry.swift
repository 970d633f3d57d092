/// Once a second: pages with something due are scanned for expired items, and pages beyond the limit are drained.
extension MartletModel {
    private static var pagesPerPass: Int { 16 }

    mutating func pass(to second: UInt32) {
        self.second = second
        crawl()
        for _ in 0..<Self.pagesPerPass where isOverLimit { drainLargestClass() }
    }

    @inline(__always)
    func lowerDue(_ place: Chunk.Place, to second: UInt32) {
        let page = space.page(space.pageIndex(place))
        if page.pointee.nextDue == 0 || second < page.pointee.nextDue { page.pointee.nextDue = second }
    }

    private mutating func crawl() {
        if space.bump == 0 { return }
        for index in 1...UInt32(space.bump) {
            let due = space.page(index).pointee.nextDue
            if due != 0, due <= second, space.page(index).pointee.slabClass != 0 { scan(index) }
        }
    }

    /// Takes what has expired, and foresees the second by which a 16th of the rest will have.
    private mutating func scan(_ index: UInt32) {
        space.page(index).pointee.nextDue = 0
        var lives = InlineArray<32, Int>(repeating: 0)
        var total = 0
        for slot in 0..<Int(space.page(index).pointee.bump) {
            let place = space.place(page: index, slot: slot)
            let chunk = space.chunk(place)
            guard chunk.pointee.phase == .item, chunk.pointee.expiry != 0 else { continue }
            if chunk.hasExpired(second) {
                counts.reclaimed += 1
                drop(place)
                // Empty now, and gone to the pool.
                if space.page(index).pointee.slabClass == 0 { return }
            } else {
                lives[31 - (chunk.pointee.expiry - second).leadingZeroBitCount] += 1
                total += 1
            }
        }
        if total == 0 { return }
        var seen = 0
        for power in 0..<32 {
            seen += lives[power]
            if seen * 16 >= total {
                space.page(index).pointee.nextDue = second &+ (UInt32(1) << power)
                return
            }
        }
    }
}
