/// A number that stands for everything about the bytes of an item which one program and the next have to agree on. Only
/// between programs with the same number is a memory file handed on.
///
/// It is computed, not kept up by hand: an item and a part with every word they can have are written through the
/// accessors that the store uses, and their bytes are summed, together with the meaning of the bits, one hash of a key
/// and one sum. A field that moves, a bit that changes its meaning, another hash: each gives another number.
package enum RestartLayout {
    /// What the code around the items makes of them that their bytes do not show: raised by hand where that changes.
    private static let meaning: UInt64 = 1

    package static var id: UInt64 {
        let sum = MemorySum(secret: (1, 2))
        let sampleBytes = 256
        let sample = UnsafeMutableRawPointer.allocate(byteCount: 2 * sampleBytes, alignment: 64)
        defer { sample.deallocate() }
        sample.initializeMemory(as: UInt8.self, repeating: 0, count: 2 * sampleBytes)
        writeItem(ItemPointer(raw: sample))
        writePart(PartPointer(raw: sample + sampleBytes))
        let bytes = sum(sample, 2 * sampleBytes, seed: meaning)
        return sum(words + [bytes, keyHashSample], seed: meaning)
    }

    private static func writeItem(_ item: ItemPointer) {
        let every = ItemState.hasExpiry | ItemState.hasFlags | ItemState.hasSequence | ItemState.isLarge
        let state = ItemState(raw: every).with(phase: .linked)
        item.access = AccessWord(segment: .warm, second: 0x12_3456, stamp: 2)
        item.smallLength = 0x1122
        item.keyLength = 0x33
        item.state = state
        item.token = 0x4455_6677_8899_aabb
        item.setExpiry(0xccdd_eeff)
        item.setClientFlags(0x0102_0304, state)
        item.setSequence(0x0506_0708_090a_0b0c, state)
        let large = item.large(state)
        large.totalLength = 0x0d0e_0f10
        large.inlineBytes = 0x1112_1314
        large.firstPart = Handle(raw: 0x1516_1718)
        item.key(state).storeBytes(of: 0x19, as: UInt8.self)
        item.value(state).storeBytes(of: 0x1a, as: UInt8.self)
    }

    private static func writePart(_ part: PartPointer) {
        part.item.access = AccessWord(raw: AccessWord.partBit)
        part.item.state = ItemState(raw: ItemState.Phase.linked.rawValue)
        part.head = Handle(raw: 0x1b1c_1d1e)
        part.next = Handle(raw: 0x1f20_2122)
        part.previous = Handle(raw: 0x2324_2526)
        part.length = 0x2728_292a
        part.keyHash = 0x2b2c_2d2e_2f30_3132
        part.piece.storeBytes(of: 0x33, as: UInt8.self)
    }

    private static var words: [UInt64] {
        [
            UInt64(ItemState.hasExpiry), UInt64(ItemState.hasFlags), UInt64(ItemState.hasSequence),
            UInt64(ItemState.isLarge), UInt64(ItemState.isStale), UInt64(ItemState.isWinSent),
            UInt64(ItemState.Phase.free.rawValue), UInt64(ItemState.Phase.linked.rawValue),
            UInt64(AccessWord.secondMask), UInt64(AccessWord.segmentMask), UInt64(AccessWord.fetchedBit),
            UInt64(AccessWord.partBit), UInt64(AccessWord.stampMask), UInt64(AccessWord.frequencyMax),
            UInt64(Segment.hot.rawValue), UInt64(Segment.cold.rawValue), UInt64(Segment.warm.rawValue),
            UInt64(Segment.temp.rawValue), UInt64(ItemKey.bytesMax), UInt64(ItemSeal.bytes),
        ]
    }

    /// Parts keep the hash of their key.
    private static var keyHashSample: UInt64 {
        let hash = KeyHash(secret: (0x1234_5678_9abc_def1, 0xfedc_ba98_7654_3217))
        return withUnsafeBytes(of: (0x6b65_7973 as UInt64, 0x6d61_7274 as UInt64, 0x6c65_7473 as UInt64)) {
            hash($0.baseAddress!, 7) ^ hash($0.baseAddress!, 24)
        }
    }
}
