extension MemcachedModel {
    func _checkInvariants() {
        let items = space._checkInvariants()
        var listed = 0
        for slabClass in 1...space.table.classCount {
            for segment in [Chunk.Segment.hot, .cold, .warm] {
                let list = list(slabClass, segment).pointee
                var count = 0
                var before: Chunk.Place = 0
                var place = list.newest
                while place != 0 {
                    let chunk = space.chunk(place)
                    precondition(chunk.pointee.phase == .item && chunk.pointee.segment == segment)
                    precondition(chunk.pointee.previous == before && places[chunk.pointee.key] == place)
                    count += 1
                    before = place
                    place = chunk.pointee.next
                }
                precondition(before == list.oldest && count == list.count)
                listed += count
            }
        }
        precondition(listed == items && items == itemCount)
    }
}
