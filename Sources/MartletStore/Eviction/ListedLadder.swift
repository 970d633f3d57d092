/// From a class without a free chunk to a chunk, as memcached goes about it (`-o memcached_mode`).
///
/// 1. A page, if the limit allows one more or the pool holds one; a class that has none takes its first beyond the
///    limit.
/// 2. The tail of the class's own COLD goes (ListedSegments.swift, rule 5). With `slab_automove=2` that also asks for a
///    page of any other class.
/// 3. A part that finds no chunk of its size takes one of the largest class.
/// 4. Otherwise the store is out of memory, even if other classes have what could go.
extension UnsafeMutablePointer where Pointee == StoreCore {
    private static var roundsMax: Int { 10 }

    @inline(never)
    func allocateListed(
        _ home: UnsafeMutablePointer<SlabClass>, _ admission: Admission?, _ session: SessionPointer
    ) -> Handle? {
        let slabClass = Int(home.pointee.index)
        for _ in 0..<(pointee.settings.evicts ? Self.roundsMax : 1) {
            while growListed(home) {
                if let handle = takeChunk(slabClass, admission, session) { return handle }
            }
            if let handle = evictIn(home, admission, session) {
                if pointee.tuning.automoveLevel.load(ordering: .relaxed) == 2, pointee.settings.evicts {
                    _ = beginListedMove(from: nil, to: slabClass, mayEvict: true, session)
                }
                return handle
            }
        }
        let largest = pointee.geometry.classCount
        return admission == nil && slabClass < largest
            ? allocateListed(pointee.slabClass(largest), nil, session) : nil
    }

    /// Rule 1. Returns whether the class has got a page.
    func growListed(_ home: UnsafeMutablePointer<SlabClass>) -> Bool {
        let isFirst = home.pageCountHint == 0
        guard let page = takePage(isFirst ? .first : .free) else { return false }
        home.lock()
        // Two that came at once: one first page is enough.
        let isSurplus = isFirst && home.pointee.pageCount > 0
        if !isSurplus { home.addPageLocked(page, self) }
        home.unlock()
        passHook()
        if isSurplus { givePage(page) }
        return true
    }
}
