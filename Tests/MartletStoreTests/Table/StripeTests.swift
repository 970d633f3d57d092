import MartletStore
import StoreTesting
import Testing

/// What stands in lines of its own beside the arena.
@Suite("Stripes, buckets and pages")
struct StripeTests {
    @Test("a stripe is 64 bytes as drawn")
    func stripeLayout() {
        let stripe = UnsafeMutablePointer<Stripe>.allocate(capacity: 1)
        defer { stripe.deallocate() }
        stripe.initialize(to: Stripe(index: 3, count: 1024, floor: 5000))
        stripe.pointee.bucketCount.store(7, ordering: .relaxed)
        stripe.pointee.itemCount = 8
        stripe.pointee.freeOverflow = 9
        stripe.pointee.flushedThrough = 10
        let raw = UnsafeRawPointer(stripe)

        #expect(Stripe.bytes == 64)
        #expect(MemoryLayout<Stripe>.size <= Stripe.bytes)
        #expect((0..<4).map { raw.load(fromByteOffset: 4 * $0, as: UInt32.self) } == [0, 7, 8, 9])
        #expect((2..<5).map { raw.load(fromByteOffset: 8 * $0, as: UInt64.self) } == [4 * 1024 + 3, 10, 1024])
        stripe.lock()
        #expect(raw.load(as: UInt32.self) == 1)
        stripe.unlock()
        #expect(raw.load(as: UInt32.self) == 0)
    }

    @Test("page facts and slab classes fit their strides")
    func strides() {
        #expect(Page.bytes == 64)
        #expect(MemoryLayout<Page>.size <= Page.bytes)
        #expect(MemoryLayout<FutexLock>.size == 4)
        let layout = CacheStore._slabClassLayout
        #expect(layout.map(\.lowerBound) == [0, 256, 320, 512, 704, 768])
        #expect(zip(layout, layout.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound })
    }

    @Test("a page's owner is a class, draining or not, or nobody")
    func pageOwner() {
        #expect(PageOwner.none.slabClass == 0 && !PageOwner.none.isDraining)
        for slabClass in [1, 86, 250] {
            let owned = PageOwner(slabClass)
            let draining = PageOwner(slabClass, isDraining: true)
            #expect(owned.slabClass == slabClass && draining.slabClass == slabClass)
            #expect(!owned.isDraining && draining.isDraining && owned != draining)
        }
    }

    @Test("tokens of a stripe rise by the number of stripes, above whatever was stored explicitly")
    func tokens() {
        let stripe = UnsafeMutablePointer<Stripe>.allocate(capacity: 1)
        defer { stripe.deallocate() }
        stripe.initialize(to: Stripe(index: 3, count: 16, floor: 0))
        #expect(stripe.issueTokenLocked() == 19)
        #expect(stripe.issueTokenLocked() == 35)

        for explicit: UInt64 in [1, 35, 36, 50, 51, 52, 1 << 40, (1 << 63) - 1] {
            let before = stripe.pointee.sequence
            stripe.raiseSequenceLocked(to: explicit)
            let token = stripe.issueTokenLocked()
            #expect(token > explicit && token > before && token % 16 == 3)
        }
        let high = stripe.pointee.sequence
        stripe.raiseSequenceLocked(to: 1 << 63)
        stripe.raiseSequenceLocked(to: .max)
        #expect(stripe.pointee.sequence == high, "an explicit token of 2^63 or more raises nothing")
    }

    @Test("a bucket is a cache line of ten tags, ten handles and a link")
    func bucketLayout() {
        let raw = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
        defer { raw.deallocate() }
        let bucket = Bucket(raw: raw)
        bucket.clear()
        #expect(bucket.filledCount == 0 && bucket.overflow == 0)
        for slot in 0..<10 {
            bucket.set(slot, tag: UInt16(0xa000 + slot % 3), handle: Handle(raw: UInt32(100 + slot)))
            #expect(bucket.filledCount == slot + 1)
        }
        bucket.overflow = 0xa000_a000

        #expect(Bucket.bytes == 64 && Bucket.slotCount == 10)
        #expect((0..<10).map { raw.load(fromByteOffset: 2 * $0, as: UInt16.self) } == (0..<10).map { 0xa000 + $0 % 3 })
        #expect((0..<10).map { raw.load(fromByteOffset: 20 + 4 * $0, as: UInt32.self) } == (100..<110).map { $0 })
        #expect(raw.load(fromByteOffset: 60, as: UInt32.self) == 0xa000_a000)
        #expect(bucket.matches(0xa000) == 0b10_0100_1001)
        #expect(bucket.matches(0xa001) == 0b00_1001_0010)
        #expect(bucket.matches(0xb000) == 0)
        #expect(bucket.matches(100) == 0, "handles are no tags")
    }
}
