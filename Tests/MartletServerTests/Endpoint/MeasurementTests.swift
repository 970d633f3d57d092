import MartletServer
import Testing

/// What is made of what workers have measured.
struct MeasurementTests {
    @Test func `a duration lies in the bucket that says so`() {
        for duration: UInt64 in [0, 1, 255, 256, 319, 320, 511, 512, 1000, 65_535, 65_536, 1_000_000, 8_000_000_000] {
            let bucket = LatencyCounts.bucket(of: duration)

            #expect(duration < LatencyCounts.end(ofBucket: bucket))
            if bucket > 0 { #expect(duration >= LatencyCounts.end(ofBucket: bucket - 1)) }
        }
        #expect(LatencyCounts.bucket(of: .max) == LatencyCounts.bucketCount - 1)
    }

    @Test func `buckets follow each other and end at every doubling`() {
        let ends = (0..<LatencyCounts.bucketCount - 1).map(LatencyCounts.end(ofBucket:))

        #expect(zip(ends, ends.dropFirst()).allSatisfy { $0 < $1 })
        for power in 10...30 { #expect(ends.contains(1 << UInt64(power))) }
    }

    @Test func `quantiles are where the requests are`() throws {
        let counts = LatencyCounts()
        counts.add(900, nanoseconds: 10_000)
        counts.add(100, nanoseconds: 1_000_000)
        var totals = LatencyTotals()
        counts.add(to: &totals)

        #expect(totals.count == 1000)
        let median = try #require(totals.microseconds(quantile: 0.5))
        let late = try #require(totals.microseconds(quantile: 0.99))
        #expect((8...12.5).contains(median))
        #expect((800...1250).contains(late))
        #expect(totals.count(under: 1 << 14) == 900)
        #expect(totals.since(totals).microseconds(quantile: 0.5) == nil)
    }

    @Test func `the keys asked for most are found among many`() {
        var keys = KeyCounts(capacity: 100)
        for round in 0..<10_000 {
            keys.add(Array("hot".utf8))
            if round % 2 == 0 { keys.add(Array("user:warm".utf8)) }
            keys.add(Array("cold:\(round)".utf8))
        }

        let top = keys.top(2)

        #expect(top.map { String(decoding: $0.key, as: UTF8.self) } == ["hot", "user:warm"])
        #expect(abs(top[0].share - 0.4) <= top[0].excess + 0.01)
        #expect(
            keys.topPrefixes(1, delimiter: UInt8(ascii: ":")).first.map { String(decoding: $0.prefix, as: UTF8.self) }
                == "user")
    }

    @Test func `what was hot long ago goes`() {
        var keys = KeyCounts(capacity: 100)
        for _ in 0..<1000 { keys.add(Array("old".utf8)) }
        for _ in 0..<12 { keys.wearDown() }

        #expect(keys.top(1).isEmpty)
    }

    @Test func `JSON has no byte that could end it`() {
        var json = JSONText()
        json.group { json in
            json.add("a\"b", text: "\\ \n \"")
            json.add("key", wire: [0x61, 0xFF, 0x22, 0x00])
            json.add("none", Double.infinity)
            json.list("empty") { _ in }
        }

        let text = String(decoding: json.bytes, as: UTF8.self)

        #expect(
            text == #"{"a\"b":"\\ \u000a \"","key":"a\\xff\"\\x00","none":null,"empty":[]}"#)
    }
}
