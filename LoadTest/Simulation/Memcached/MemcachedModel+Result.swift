extension MemcachedModel {
    mutating func resetCounts() {
        counts = SimulationCounts()
        // The mover's window goes by the differences of the classes' counts: those stay.
    }

    /// The hash table: 8 bytes a bucket, twice as many when there are half as many items more than buckets.
    private var tableBytes: Int {
        var power = 16
        while itemCount > 3 << (power - 1) { power += 1 }
        return 8 << power
    }

    func result() -> SimulationResult {
        var slabClasses: [SimulationResult.SlabClass] = []
        for index in 1...space.table.classCount where space.classes[index].pageCount > 0 {
            let items = [Chunk.Segment.hot, .cold, .warm].reduce(0) { $0 + list(index, $1).pointee.count }
            slabClasses.append(
                .init(
                    index: index, chunkBytes: space.table.chunkBytes[index], pages: space.classes[index].pageCount,
                    items: items, evictions: classes[index].evictions))
        }
        return SimulationResult(
            policy: label, memoryBytes: memoryBytes, counts: counts, items: itemCount, itemBytes: valueBytes,
            pageBytes: space.table.pageBytes, pages: space.usedCount, tableBytes: tableBytes, classes: slabClasses)
    }
}
