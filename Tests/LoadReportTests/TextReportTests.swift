import LoadEngine
import LoadReport
import LoadWorkload
import Testing

@Suite("The text report")
struct TextReportTests {
    @Test("A run is a screenful: rate, hits, latency, operations, server, driver")
    func whole() {
        let run = SyntheticRun().make()

        let text = TextReport(run).text

        for word in ["rate", "hits", "latency", "operation", "get", "set", "server", "1.6.45", "driver:"] {
            #expect(text.contains(word), "\(word) in\n\(text)")
        }
        #expect(text.contains("\(Quantity.grouped(run.counts.requests)) requests"))
        #expect(text.split(separator: "\n").count < 24)
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 && $0.last != " " }, "\(text)")
    }

    @Test("Columns stand below each other")
    func columns() {
        var table = TextTable(["name", "rate"])
        table.add(["a", "1,000"])
        table.add(["longer"])

        #expect(table.lines() == ["  name     rate", "  a       1,000", "  longer"])
    }

    @Test("An open loop shows response, service and the driver's own lateness; a closed one only service")
    func loops() {
        let open = TextReport(SyntheticRun(isOpenLoop: true).make()).text
        let closed = TextReport(SyntheticRun().make()).text

        #expect(open.contains("response") && open.contains("service") && open.contains("driver late"))
        #expect(!closed.contains("response") && closed.contains("service") && !closed.contains("driver late"))
    }

    @Test("Doubts and wrong answers come before the figures")
    func warnings() throws {
        var run = SyntheticRun(seconds: 1).make()
        run.invalidReasons = ["the driver was late by more than 1 ms in 3 % of requests"]
        run.violations = (0..<12).map { Violation(kind: "stale", key: "k\($0)", server: "a:1", explanation: "old") }
        run.counts.violations = 40

        let text = TextReport(run).text

        #expect(text.hasPrefix("WRONG ANSWERS: 40 values cannot have come from a correct server"))
        #expect(text.contains("and 30 more"))
        let doubt = try #require(text.firstRange(of: "the driver was late by more"))
        let figures = try #require(text.firstRange(of: "latency"))
        #expect(doubt.lowerBound < figures.lowerBound)
    }

    @Test("What servers answered as errors, and what was done to them, stands behind the figures")
    func troubles() {
        var run = SyntheticRun(seconds: 6, stallSecond: 3).make()
        run.errorTexts = ["SERVER_ERROR out of memory": 17, "ERROR": 2_000]
        run.marks = [TimelineMark(second: 3.1, words: "pause"), TimelineMark(second: 3.6, words: "resume")]

        let text = TextReport(run).text

        #expect(text.contains("faults: 3.1 s pause, 3.6 s resume"))
        #expect(text.contains("back after"))
        #expect(text.contains("2,000 times: ERROR\n  17 times: SERVER_ERROR out of memory"))
    }

    @Test("A run that was interrupted before it measured has no share of CPU time")
    func noLength() {
        var run = SyntheticRun(seconds: 1).make()
        let share = "\(Quantity.percent(Double(run.servers[0].cpuNanoseconds ?? 0) / 1e9))"
        #expect(TextReport(run).text.contains(share))

        run.seconds = 0

        #expect(run.cpuShare(of: run.servers[0]) == nil)
        #expect(!TextReport(run).text.contains(share))
    }

    @Test("What an interrupted run left unanswered has a line of its own")
    func unanswered() {
        var run = SyntheticRun(seconds: 1).make()
        run.counts.unanswered = 3_002

        let line = TextReport(run).text.split(separator: "\n").first { $0.hasPrefix("  unanswered") }

        #expect(line?.contains("3,002") == true && (line?.count ?? 0) <= 120)
        #expect(run.failures == 3_002)
        #expect(!TextReport(SyntheticRun(seconds: 1).make()).text.contains("unanswered"))
    }

    @Test("A run in which nothing was answered still has a report")
    func nothing() {
        let text = TextReport(RunResult(label: "nobody")).text

        #expect(text.contains("0 requests"))
        #expect(!text.contains("nan"))
    }

    @Test("A kind of operation that was never answered has a line, with how long it was waited for")
    func unansweredKind() {
        var run = SyntheticRun(seconds: 1).make()
        var waited = LatencyHistogram()
        waited.record(308_000_000, count: 37)
        var touch = KindResult(kind: .touch, requests: 0, response: waited)
        touch.timeouts = 37
        run.kinds.append(touch)

        let lines = TextReport(run).text.split(separator: "\n")

        #expect(lines.contains { $0.hasPrefix("  operation") && $0.hasSuffix("no answer") })
        #expect(lines.contains { $0.hasPrefix("  touch") && $0.contains("308 ms") && $0.hasSuffix(" 37") })
    }

    @Test("What failed is counted by name")
    func failures() {
        var run = SyntheticRun(seconds: 1).make()
        run.counts.refused = 3
        run.counts.lost = 1_200

        #expect(TextReport(run).text.contains("3 stores refused, 1,200 requests lost"))
    }
}
