import LoadEngine
import LoadWorkload
import Testing

/// What driver threads count with: as good as the slower things they stand for.
@Suite("Counting")
struct CountingTests {
    @Test("in cells gives the histogram that counting in the histogram gives")
    func cells() {
        var random = RandomSource(seed: 3)
        var cells = LatencyCells()
        var histogram = LatencyHistogram()
        for _ in 0..<50_000 {
            let nanoseconds = random.next() &>> random.next(below: 64)
            cells.add(nanoseconds)
            histogram.record(nanoseconds)
        }

        let poured = cells.histogram

        #expect(poured.count == histogram.count)
        #expect(poured.max == histogram.max)
        for tenth in 0...1000 {
            let percentile = Double(tenth) / 10
            #expect(poured.value(percentile: percentile) == histogram.value(percentile: percentile))
        }
    }

    @Test("on interval boards loses nothing between two threads, and is within a hundredth")
    func boards() {
        let boards = IntervalBoards()
        var sum = IntervalSum()
        for nanoseconds in 1...10_000 as ClosedRange<UInt64> {
            boards.current.pointee.requests += 1
            boards.current.pointee.add(nanoseconds * 100)
            if nanoseconds % 1000 == 0 {
                _ = boards.publish()
                // The collector comes every other time only: the thread's interval goes on.
                if nanoseconds % 2000 == 0 {
                    let wasThere = boards.collect(into: &sum)
                    #expect(wasThere)
                }
            }
        }
        boards.collectRest(into: &sum)

        let point = sum.point(second: 1, length: 1)

        #expect(point.requests == 10_000)
        #expect(abs(Double(point.p50) - 500_000) < 5_000)
        #expect(abs(Double(point.p99) - 990_000) < 10_000)
        #expect(point.max == 1_000_000)
    }

    @Test("keys under way is what a set does")
    func keysInFlight() {
        var random = RandomSource(seed: 9)
        var keys = KeysInFlight(count: 32)
        var model: Set<UInt64> = []
        for _ in 0..<20_000 {
            let key = random.next(below: 100) &* 0x1_0000_0001
            if model.contains(key) || model.count == 32 {
                keys.remove(key)
                model.remove(key)
            } else {
                keys.insert(key)
                model.insert(key)
            }
            let isThere = keys.contains(key)
            #expect(isThere == model.contains(key))
        }
        for number in 0..<100 as Range<UInt64> {
            let key = number &* 0x1_0000_0001
            let isThere = keys.contains(key)
            #expect(isThere == model.contains(key))
        }
    }
}
