import Foundation
import LoadEngine
import LoadWorkload

/// A run nobody made: seeded latencies with a long tail, a hit ratio that warms up, a stall in the middle.
struct SyntheticRun {
    var label = "127.0.0.1:11211"
    var seed: UInt64 = 1
    var rate = 160_000.0
    var seconds = 10
    var medianNanoseconds = 95_000.0
    var hitRatio = 0.94
    var serverCount = 1
    var isOpenLoop = false
    /// The second in which nothing is answered for half a second.
    var stallSecond: Int?

    func make() -> RunResult {
        var random = SplitMix(state: seed)
        var result = RunResult(label: label)
        result.settings = ["keys": "uniform, 100,000", "values": "64 B", "mix": "get=90,set=10", "pipeline": "16"]
        result.startedAt = 1_760_000_000
        result.seconds = Double(seconds)
        var sets = LatencyHistogram()
        result.servers = (0..<serverCount).map { ServerResult(address: "127.0.0.1:\(11_211 + $0)") }
        for second in 0..<seconds { add(second: second, to: &result, sets: &sets, &random) }
        result.service = result.response
        if isOpenLoop {
            result.service = LatencyHistogram()
            for _ in 0..<20_000 { result.service.record(latency(&random, scale: 0.8)) }
            for _ in 0..<20_000 { result.slip.record(latency(&random, scale: 0.05)) }
        }
        result.kinds = [
            KindResult(kind: .get, requests: result.counts.requests * 9 / 10, response: result.response),
            KindResult(kind: .set, requests: result.counts.requests / 10, response: sets),
        ]
        result.driver.threads = 1
        result.driver.connections = 50
        result.driver.cpuNanoseconds = UInt64(result.seconds * 0.62e9)
        result.driver.busyFraction = 0.62
        return result
    }

    private func add(second: Int, to result: inout RunResult, sets: inout LatencyHistogram, _ random: inout SplitMix) {
        var interval = LatencyHistogram()
        let isStalled = second == stallSecond
        for _ in 0..<4000 {
            let isLate = isStalled && random.unit() < 0.3
            interval.record(isLate ? UInt64(random.unit() * 5e8) : latency(&random, scale: 1))
            sets.record(latency(&random, scale: 1.4))
        }
        var point = TimelinePoint(second: Double(second + 1), length: 1)
        point.requests = Int(rate * (isStalled ? 0.5 : 0.97 + 0.06 * random.unit()))
        point.keysRead = point.requests * 9 / 10
        point.hits = Int(Double(point.keysRead) * hitRatio * (1 - 0.3 * exp(-Double(second) / 2)))
        point.errors = isStalled ? 17 : 0
        point.p50 = interval.value(percentile: 50)
        point.p99 = interval.value(percentile: 99)
        point.p999 = interval.value(percentile: 99.9)
        point.max = interval.max
        result.timeline.append(point)
        result.response.add(interval)
        var counts = OperationCounts()
        counts.requests = point.requests
        counts.keysRead = point.keysRead
        counts.hits = point.hits
        counts.misses = point.keysRead - point.hits
        counts.hitBytes = counts.hits * 64
        counts.missBytes = counts.misses * 64
        counts.stores = point.requests - point.keysRead
        counts.stored = counts.stores
        counts.errors = point.errors
        counts.sentBytes = counts.requests * 40
        counts.receivedBytes = counts.hits * 110
        counts.verified = counts.hits
        result.counts.accumulate(counts)
        for index in result.servers.indices {
            result.servers[index].counts.accumulate(counts.part(of: serverCount))
            result.servers[index].response.add(interval)
            result.servers[index].version = "1.6.45"
            result.servers[index].cpuNanoseconds = UInt64(
                Double(counts.requests / serverCount) * 5_300 * Double(second + 1))
            result.servers[index].residentBytes = 1_082_000_000
            result.servers[index].residentBytesPeak = 1_090_000_000
            result.servers[index].statistics = [
                "curr_items": "100000", "evictions": "1234", "limit_maxbytes": "1073741824",
            ]
        }
    }

    /// Log-normal with one in a hundred ten times as slow.
    private func latency(_ random: inout SplitMix, scale: Double) -> UInt64 {
        let normal = sqrt(-2 * log(1 - random.unit())) * cos(2 * .pi * random.unit())
        let tail = random.unit() < 0.01 ? 10.0 : 1
        return UInt64(medianNanoseconds * scale * tail * exp(0.25 * normal))
    }
}

/// The same numbers on every machine.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// 0..<1.
    mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }
}

extension OperationCounts {
    fileprivate mutating func accumulate(_ other: OperationCounts) {
        requests += other.requests
        keysRead += other.keysRead
        hits += other.hits
        misses += other.misses
        hitBytes += other.hitBytes
        missBytes += other.missBytes
        stores += other.stores
        stored += other.stored
        errors += other.errors
        sentBytes += other.sentBytes
        receivedBytes += other.receivedBytes
        verified += other.verified
    }

    fileprivate func part(of count: Int) -> OperationCounts {
        var part = OperationCounts()
        part.requests = requests / count
        part.keysRead = keysRead / count
        part.hits = hits / count
        part.misses = misses / count
        part.stores = stores / count
        part.stored = stored / count
        return part
    }
}
