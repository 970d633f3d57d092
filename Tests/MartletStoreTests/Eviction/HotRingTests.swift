import MartletStore
import Testing

@Suite("The HOT ring")
struct HotRingTests {
    /// A pool with room for `count` blocks of its own.
    private final class Pool {
        let memory: UnsafeMutableRawPointer
        let words: UnsafeMutablePointer<RingBlockPool.Words>
        let pool: RingBlockPool

        init(_ count: Int) {
            memory = .allocate(byteCount: count * RingBlock.bytes, alignment: 4096)
            words = .allocate(capacity: 1)
            words.initialize(to: RingBlockPool.Words())
            pool = RingBlockPool(start: memory, blockCountMax: UInt32(count), words: words)
        }

        deinit {
            memory.deallocate()
            words.deallocate()
        }
    }

    /// A ring over a pool, by reference: what `#expect` calls may then change it.
    private final class Queue {
        private var ring = HotRing()
        private let pool: RingBlockPool

        init(_ pool: Pool) {
            self.pool = pool.pool
        }

        var count: Int { ring.count }

        func push(_ number: UInt32) -> Bool {
            ring.push(Handle(raw: number), pool)
        }

        func pop() -> UInt32? {
            ring.pop(pool)?.handle.raw
        }

        func walk() -> [UInt32] {
            var seen: [UInt32] = []
            ring.forEach(pool) { seen.append($0.handle.raw) }
            return seen
        }

        func drain() -> [UInt32] {
            var seen: [UInt32] = []
            while let number = pop() { seen.append(number) }
            return seen
        }
    }

    @Test(
        "gives back in order what was pushed, across the ends of its blocks",
        arguments: [1, 2, 254, 255, 256, 509, 510, 511, 800])
    func order(_ count: Int) {
        let pool = Pool(4)
        let ring = Queue(pool)
        for number in 1...count { #expect(ring.push(UInt32(number))) }
        let walked = ring.walk()

        #expect(ring.count == count)
        #expect(walked == (1...count).map(UInt32.init))
        #expect(ring.drain() == walked)
        #expect(ring.count == 0)
        #expect(ring.pop() == nil)
    }

    @Test("stays a queue while both ends move", arguments: [1, 100, 255, 400])
    func steady(_ length: Int) {
        let pool = Pool(4)
        let ring = Queue(pool)
        var next: UInt32 = 1
        var expected: UInt32 = 1
        for _ in 0..<length {
            #expect(ring.push(next))
            next += 1
        }
        for _ in 0..<10_000 {
            if !ring.push(next) { Issue.record("no block for place \(next)") }
            next += 1
            if ring.pop() != expected { Issue.record("not place \(expected)") }
            expected += 1
        }
        #expect(ring.drain() == Array(expected..<next))
        #expect(pool.pool.touchedBytes <= 3 * RingBlock.bytes)
    }

    @Test("refuses what there is no memory for, and goes on once there is")
    func exhaustion() {
        let pool = Pool(2)
        let first = Queue(pool)
        let second = Queue(pool)
        for number in 1...255 { #expect(first.push(UInt32(number))) }
        #expect(second.push(1))

        #expect(!first.push(256))
        #expect(first.count == 255)
        #expect(second.pop() == 1)
        #expect(first.push(256))
        #expect(!second.push(2))

        #expect(first.drain() == Array(1...256))
        #expect(second.push(2))
        #expect(second.pop() == 2)
        #expect(pool.pool.touchedBytes == 2 * RingBlock.bytes)
    }
}
