extension MartletModel {
    mutating func resetCounts() {
        counts = SimulationCounts()
        for slabClass in 1...space.table.classCount { classes.place(slabClass).pointee.evictions = 0 }
    }

    func result() -> SimulationResult {
        var slabClasses: [SimulationResult.SlabClass] = []
        for index in 1...space.table.classCount where space.classes[index].pageCount > 0 {
            slabClasses.append(
                .init(
                    index: index, chunkBytes: space.table.chunkBytes[index], pages: space.classes[index].pageCount,
                    items: classes[index].itemCount, evictions: classes[index].evictions))
        }
        return SimulationResult(
            policy: label, memoryBytes: memoryBytes, counts: counts, items: buckets.itemCount, itemBytes: valueBytes,
            pageBytes: space.table.pageBytes, pages: space.usedCount, tableBytes: tableBytes, classes: slabClasses)
    }
}
