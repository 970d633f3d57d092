extension MartletModel {
    func _checkInvariants() {
        let items = space._checkInvariants()
        precondition(items == buckets.itemCount)
        var counted = 0
        var bytes = 0
        for key in 0..<places.count where places[UInt32(key)] != 0 {
            let chunk = space.chunk(places[UInt32(key)])
            precondition(chunk.pointee.phase == .item && Int(chunk.pointee.key) == key)
            counted += 1
            bytes += Int(chunk.pointee.valueBytes)
            checkParts(places[UInt32(key)])
        }
        precondition(counted == items && bytes == valueBytes)
        var segments = 0
        for slabClass in 1...space.table.classCount {
            let home = classes[slabClass]
            precondition(home.hotCount >= 0 && home.coldCount >= 0 && home.warmCount >= 0)
            precondition(home.hotCount <= home.ring.count, "a HOT item stands in the ring")
            segments += home.itemCount
        }
        precondition(segments == items)
        precondition(!isOverLimit || space.usedCount <= 1 + memoryBytes / space.table.pageBytes)
    }

    private func checkParts(_ head: Chunk.Place) {
        var before = head
        var part = space.chunk(head).pointee.part
        while part != 0 {
            let chunk = space.chunk(part)
            precondition(chunk.pointee.phase == .part && chunk.pointee.previous == head && chunk.pointee.next == before)
            before = part
            part = chunk.pointee.part
        }
    }
}
