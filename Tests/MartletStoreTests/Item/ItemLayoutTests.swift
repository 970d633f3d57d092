import MartletStore
import Testing

/// The drawings in ItemPointer, ItemState, AccessWord and LargeItem, byte by byte: each field is written through its
/// name and read at its offset.
@Suite("The layout of an item")
struct ItemLayoutTests {
    private let memory: UnsafeMutableRawBufferPointer

    init() {
        memory = .allocate(byteCount: 512, alignment: 8)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
    }

    private var raw: UnsafeMutableRawPointer { memory.baseAddress! }

    @Test("has its fixed fields in 16 bytes")
    func header() {
        defer { memory.deallocate() }
        let item = ItemPointer(raw: raw)
        item.access = AccessWord(raw: 0x1122_3344)
        item.smallLength = 0x5566
        item.keyLength = 250
        item.state = ItemState(raw: 0x8a)
        item.token = 0x0102_0304_0506_0708

        #expect(ItemPointer.headerBytes == 16)
        #expect(raw.load(as: UInt32.self) == 0x1122_3344)
        #expect(raw.load(fromByteOffset: 4, as: UInt16.self) == 0x5566)
        #expect(raw.load(fromByteOffset: 6, as: UInt8.self) == 250)
        #expect(raw.load(fromByteOffset: 7, as: UInt8.self) == 0x8a)
        #expect(raw.load(fromByteOffset: 8, as: UInt64.self) == 0x0102_0304_0506_0708)
    }

    @Test("has its optional words in order, each only where its bit says so", arguments: 0..<16)
    func optionalWords(_ choice: Int) {
        defer { memory.deallocate() }
        let state = ItemState(raw: UInt8(choice) << 2)
        let item = ItemPointer(raw: raw)
        item.keyLength = 3
        var offset = 16

        if state.has(ItemState.hasExpiry) {
            item.setExpiry(0xaabb_ccdd)
            #expect(raw.load(fromByteOffset: offset, as: UInt32.self) == 0xaabb_ccdd)
            offset += 4
        }
        #expect(item.expiry(state) == (choice & 1 != 0 ? 0xaabb_ccdd : 0))
        if state.has(ItemState.hasFlags) {
            item.setClientFlags(0x1234_5678, state)
            #expect(raw.load(fromByteOffset: offset, as: UInt32.self) == 0x1234_5678)
            offset += 4
        }
        #expect(item.clientFlags(state) == (choice & 2 != 0 ? 0x1234_5678 : 0))
        item.token = 9
        item.setSequence(77, state)
        if state.has(ItemState.hasSequence) {
            #expect(raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self) == 77)
            offset += 8
        }
        #expect(item.sequence(state) == (choice & 4 != 0 ? 77 : 9))
        #expect(state.largeOffset == offset)
        if state.has(ItemState.isLarge) {
            #expect(item.large(state).raw == raw + offset)
            offset += 16
        }
        #expect(state.keyOffset == offset)
        #expect(item.key(state) == raw + offset)
        #expect(item.value(state) == raw + offset + 3)
    }

    @Test("large words and parts are as drawn")
    func largeItems() {
        defer { memory.deallocate() }
        let large = LargeWords(raw: raw)
        large.totalLength = 1 << 30
        large.leases.initialize(to: .init(3))
        large.inlineBytes = 4000
        large.firstPart = Handle(raw: 99)
        #expect(LargeWords.bytes == 16)
        #expect((0..<4).map { raw.load(fromByteOffset: 4 * $0, as: UInt32.self) } == [1 << 30, 3, 4000, 99])

        let part = PartPointer(raw: raw + 64)
        part.head = Handle(raw: 1)
        part.next = Handle(raw: 2)
        part.previous = Handle(raw: 3)
        part.length = 4
        part.keyHash = 5 << 32 | 6
        #expect(PartPointer.headerBytes == 32)
        #expect((2..<8).map { raw.load(fromByteOffset: 64 + 4 * $0, as: UInt32.self) } == [1, 2, 3, 4, 6, 5])
        #expect(part.piece == raw + 96)
    }

    @Test("an access word packs second, frequency, segment, fetched and part")
    func accessWord() {
        defer { memory.deallocate() }
        let word = AccessWord(segment: .warm, second: 0x0123_4567)
        #expect(word.raw == 0x0823_4567)
        #expect(word.segment == .warm)
        #expect(!word.isFetched && !word.isPart && word.frequency == 0)
        #expect(AccessWord(raw: AccessWord.partBit).isPart)

        var hit = word
        for hits in 1...5 {
            hit = hit.hit(now: 0x0123_4570)
            #expect(hit.frequency == UInt32(min(hits, 3)))
        }
        #expect(hit.isFetched && hit.segment == .warm)
        #expect(hit.lastAccess(now: 0x0123_4570) == 0x0123_4570)
        let moved = hit.with(segment: .cold, frequency: 1)
        #expect(moved.segment == .cold && moved.frequency == 1 && moved.isFetched)
        #expect(moved.lastAccess(now: 0x0123_4580) == 0x0123_4570)
    }

    @Test(
        "the second of the last access survives the wrap of its 24 bits", arguments: [UInt32(0x00ff_fffe), 0x7fff_ffff])
    func lastAccessWraps(_ second: UInt32) {
        defer { memory.deallocate() }
        let word = AccessWord(segment: .cold, second: second)

        for age: UInt32 in [0, 1, 5, 1000, 0xff_ffff] {
            #expect(word.lastAccess(now: second + age) == second)
        }
    }

    @Test("a state keeps its words and marks through all phases")
    func statePhases() {
        defer { memory.deallocate() }
        let state = ItemState(raw: 0xfc)
        for phase: ItemState.Phase in [.free, .reserved, .linked, .detached] {
            #expect(state.with(phase: phase).raw == 0xfc | phase.rawValue)
            #expect(state.with(phase: phase).phase == phase)
        }
        #expect(ItemState.shapeMask & ItemState.marksMask == 0)
        #expect(ItemState.shapeMask | ItemState.marksMask | 3 == 0xff)
    }
}
