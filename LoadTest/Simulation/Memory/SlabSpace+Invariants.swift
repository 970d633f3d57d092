extension SlabSpace {
    /// Traps unless pages and chunks are accounted for. Returns the number of items.
    func _checkInvariants() -> Int {
        var owned = 0
        var items = 0
        for slabClass in 1...table.classCount {
            let home = classes[slabClass]
            var free = 0
            for position in 0..<home.pageCount {
                let index = page(slabClass, at: position)
                let page = page(index).pointee
                precondition(Int(page.slabClass) == slabClass && Int(page.position) == position && !page.isLeaving)
                var used = 0
                for slot in 0..<Int(page.bump) {
                    let phase = chunk(place(page: index, slot: slot)).pointee.phase
                    precondition(phase != .reserved, "nothing is being written")
                    if phase != .free { used += 1 }
                    if phase == .item { items += 1 }
                }
                precondition(used == Int(page.used))
                precondition(page.isOpen == (used < home.chunksPerPage))
                free += home.chunksPerPage - used
            }
            precondition(free == home.freeChunks)
            owned += home.pageCount
        }
        precondition(owned == usedCount && usedCount + freeCount == bump)
        return items
    }
}
