import MartletStore

/// How long requests of one kind have taken: counts by duration, written by one thread and read by any.
///
/// Four equal steps to each doubling, from 256 ns up to 8.6 s, so that a quantile is at most an eighth off:
///
///     bucket   0          1..4              5..8              ...   100
///     ns       under 256  256..<512 by 64   512..<1024 by 128       2^33 and above
package struct LatencyCounts: ~Copyable {
    static let shiftLeast = 8
    static let shiftEnd = 33
    package static let bucketCount = (shiftEnd - shiftLeast) * 4 + 2

    private let buckets: UnsafeMutablePointer<SingleWriterCounter>
    /// All durations together.
    private let nanoseconds = SingleWriterCounter()

    package init() {
        buckets = OwnLines.allocate(SingleWriterCounter.self, count: Self.bucketCount)
        for index in 0..<Self.bucketCount { (buckets + index).initialize(to: SingleWriterCounter()) }
    }

    deinit {
        buckets.deinitialize(count: Self.bucketCount)
        buckets.deallocate()
    }

    /// Counts `count` requests that took so long. The owner's thread only.
    package borrowing func add(_ count: Int, nanoseconds duration: UInt64) {
        buckets[Self.bucket(of: duration)].add(count)
        nanoseconds.add(Int(truncatingIfNeeded: duration) &* count)
    }

    package static func bucket(of duration: UInt64) -> Int {
        let shift = UInt64.bitWidth - 1 - (duration | 1).leadingZeroBitCount
        if shift < shiftLeast { return 0 }
        if shift >= shiftEnd { return bucketCount - 1 }
        return (shift - shiftLeast) * 4 + Int((duration >> UInt64(shift - 2)) & 3) + 1
    }

    /// Where a bucket ends, exclusively; the last one has no end.
    package static func end(ofBucket bucket: Int) -> UInt64 {
        if bucket == 0 { return 1 << UInt64(shiftLeast) }
        let step = UInt64(bucket - 1)
        return (5 + step % 4) << (UInt64(shiftLeast) + step / 4 - 2)
    }

    /// Adds what was counted so far to `totals`. Any thread.
    package borrowing func add(to totals: inout LatencyTotals) {
        for index in 0..<Self.bucketCount { totals.counts[index] += Int(truncatingIfNeeded: buckets[index].value) }
        totals.nanoseconds += Int(truncatingIfNeeded: nanoseconds.value)
    }
}

/// The counts of several threads, or of a span of time.
package struct LatencyTotals: Sendable {
    package var counts = [Int](repeating: 0, count: LatencyCounts.bucketCount)
    package var nanoseconds = 0

    package init() {}

    package var count: Int { counts.reduce(0, +) }

    /// What has been added since `earlier`.
    package func since(_ earlier: LatencyTotals) -> LatencyTotals {
        var difference = self
        for index in counts.indices { difference.counts[index] -= earlier.counts[index] }
        difference.nanoseconds -= earlier.nanoseconds
        return difference
    }

    package static func += (sum: inout LatencyTotals, other: LatencyTotals) {
        for index in sum.counts.indices { sum.counts[index] += other.counts[index] }
        sum.nanoseconds += other.nanoseconds
    }

    /// Requests that took less than `nanoseconds`, which has to be the end of a bucket.
    package func count(under nanoseconds: UInt64) -> Int {
        var sum = 0
        for (index, count) in counts.enumerated() {
            if index == counts.count - 1 || LatencyCounts.end(ofBucket: index) > nanoseconds { break }
            sum += count
        }
        return sum
    }

    /// Microseconds within which the share of all requests was done; nil without any. Within a bucket they are taken to
    /// be spread evenly.
    package func microseconds(quantile: Double) -> Double? {
        let total = count
        guard total > 0 else { return nil }
        let wanted = Double(total) * quantile
        var sum = 0.0
        for (index, count) in counts.enumerated() where count > 0 {
            if sum + Double(count) >= wanted || index == counts.count - 1 {
                let start = index == 0 ? 0 : Double(LatencyCounts.end(ofBucket: index - 1))
                guard index < counts.count - 1 else { return start / 1000 }
                let end = Double(LatencyCounts.end(ofBucket: index))
                return (start + (end - start) * max(0, wanted - sum) / Double(count)) / 1000
            }
            sum += Double(count)
        }
        return nil
    }
}
