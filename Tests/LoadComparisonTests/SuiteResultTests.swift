import LoadComparison
import LoadEngine
import LoadReport
import Testing

@Suite("What a comparison says")
struct SuiteResultTests {
    @Test("Ratios are taken pair by pair; more is better for rates, less for CPU time")
    func gains() throws {
        let scenario = Self.result.scenarios[0]

        let rate = try #require(scenario.gains(.rate))
        let cpu = try #require(scenario.gains(.serverCPU))

        #expect([rate.min, rate.median, rate.max] == [1.5, 2, 2.5])
        #expect(cpu.median.isNear(4))
    }

    @Test("A spread has the middle, or the middle of the two in the middle")
    func spread() {
        #expect(Spread([3, 1, 2]).median == 2)
        #expect(Spread([4, 1, 2, 3]).median == 2.5)
        #expect(Spread([5]) == Spread([5]))
    }

    @Test("The text has each scenario's figures under its title and the geometric mean at the end")
    func text() {
        let text = ComparisonText(Self.result).text

        let rows = text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(rows.contains("new old times better spread"))
        #expect(rows.contains("requests/s 2,000 1,000 2.00 1.50 - 2.50"))
        #expect(rows.contains("server CPU/request 1.00 µs 4.00 µs 4.00 4.00 - 4.00"))
        #expect(rows.contains("second, 500/s"))
        #expect(rows.suffix(3).contains("requests/s 2.00"))
    }

    @Test("One contender alone has a spread of its own figures")
    func alone() {
        var result = SuiteResult(suite: Self.suite, contenders: ["new"])
        result.scenarios = [
            ScenarioResult(scenario: Self.suite.scenarios[0], runs: [[run("new", 1000, 1), run("new", 3000, 1)]])
        ]

        let rows = ComparisonText(result).text.split(separator: "\n").map {
            $0.split(separator: " ").joined(separator: " ")
        }

        #expect(rows.contains("requests/s 2,000 1,000 - 3,000"))
    }

    @Test("A doubt is told once, not for every pair; wrong answers are among them")
    func doubts() {
        var doubtful = run("new", 1000, 1)
        doubtful.invalidReasons = ["busy 95 %"]
        var again = doubtful
        again.invalidReasons = ["busy 97 %"]
        var wrong = run("old", 1000, 1)
        wrong.violations = [Violation(kind: "stale", key: "k", server: "a", explanation: "old")]
        var result = SuiteResult(suite: Self.suite, contenders: ["new", "old"])
        result.scenarios = [
            ScenarioResult(scenario: Self.suite.scenarios[0], runs: [[doubtful, again], [wrong, wrong]])
        ]

        #expect(result.doubts == ["first, new: busy 95 %", "first, old: WRONG ANSWER: stale, key k: old"])
        #expect(result.violationCount == 2)
        #expect(ComparisonText(result).text.contains("! first, new: busy 95 %"))
    }

    @Test("A doubt that not all runs gave says in how many it was seen")
    func doubtOfOneRun() {
        var late = run("new", 1000, 1)
        late.invalidReasons = ["late by 1.4 ms", "late by 1.5 ms"]
        let onTime = run("new", 1000, 1)
        let base = run("old", 1000, 1)
        var result = SuiteResult(suite: Self.suite, contenders: ["new", "old"])
        result.scenarios = [
            ScenarioResult(scenario: Self.suite.scenarios[0], runs: [[onTime, late, onTime], [base, base, base]])
        ]

        #expect(result.doubts == ["first, new, in 1 of 3 runs: late by 1.4 ms"])
    }

    @Test("A row is ahead or behind where every pair says so as it is shown, and undecided otherwise")
    func standing() {
        func standing(_ rates: [Int]) -> Standing? {
            ScenarioResult(
                scenario: Self.suite.scenarios[1],
                runs: [rates.map { run("new", $0, 1) }, rates.map { _ in run("old", 1000, 1) }]
            ).standing(.rate)
        }

        #expect(standing([1010, 1500]) == .ahead)
        #expect(standing([990, 500]) == .behind)
        #expect(standing([990, 1500]) == .undecided)
        #expect(standing([1000, 1500]) == .undecided)
        #expect(standing([1004]) == .undecided)
        #expect(standing([996]) == .undecided)
        #expect(standing([0]) == .behind)
    }

    @Test("Against 0 there is no ratio, but one is better, or both are alike")
    func leads() throws {
        let recovery = try #require(Measure.named("recovery"))

        #expect(recovery.gain(0.5, over: 0) == nil)
        #expect(recovery.gain(.infinity, over: 1) == nil)
        #expect(recovery.lead(0.5, over: 0) == 0)
        #expect(recovery.lead(0, over: 0.5) == .infinity)
        #expect(recovery.lead(0, over: 0) == 1)
        #expect(recovery.lead(.infinity, over: .infinity) == 1)
        #expect(recovery.lead(1, over: 2) == 2)
        #expect(Measure.failures.lead(1, over: 2) == nil)
        #expect(Measure.driverCPU.lead(1, over: 2) == nil)
    }

    @Test("In short, a figure's rows are counted, also those without a ratio, and the open ones are named")
    func short() throws {
        var scenarios = ["level", "paused", "stopped", "quicker"].map { Scenario(title: $0) }
        for index in scenarios.indices { scenarios[index].measures = ["failures", "recovery", "rate"] }
        var result = SuiteResult(
            suite: Suite(name: "f", title: "Faults", about: "", scenarios: scenarios), contenders: ["new", "old"])
        let seconds = [(0, 0), (2, 0), (2, 1), (1, 2)]
        result.scenarios = zip(scenarios, seconds).map { scenario, seconds in
            ScenarioResult(
                scenario: scenario,
                runs: [[recovered("new", after: seconds.0)], [recovered("old", after: seconds.1)]])
        }

        let text = try Self.page([result]).markdown

        #expect(text.contains("| Faults | recovery | 1.00 (2 of 4) | 0.50 - 2.00 | 1 | 1 | 2 |\n"))
        #expect(text.contains("\n### Where new is behind or it is undecided\n\n* Faults, level: undecided in"))
        #expect(text.contains("\n* Faults, level: undecided in recovery (0 ns against 0 ns), requests/s 1.00\n"))
        #expect(text.contains("\n* Faults, paused: behind in recovery (2.00 s against 0 ns)"))
        #expect(text.contains("\n* Faults, stopped: behind in recovery 0.50"))
        #expect(!text.contains("* Faults, quicker: behind"))
    }

    @Test("In short, spreads are told with what is undecided, and where nothing is open that is said")
    func open() throws {
        let behind = [run("new", 500, 1), run("new", 800, 5)]
        let base = [run("old", 1000, 4), run("old", 1000, 4)]
        var result = SuiteResult(suite: Self.suite, contenders: ["new", "old"])
        result.scenarios = [ScenarioResult(scenario: Self.suite.scenarios[0], runs: [behind, base])]

        let text = try Self.page([result]).markdown
        let better = try Self.page([Self.result]).markdown

        #expect(text.contains("\n| A suite | requests/s | 0.65 |  | 0 | 0 | 1 |\n"))
        #expect(text.contains("\n|  | server CPU/request | 2.40 |  | 0 | 1 | 0 |\n"))
        #expect(
            text.contains(
                "\n* A suite, first: behind in requests/s 0.65 (0.50 - 0.80); "
                    + "undecided in server CPU/request 2.40 (0.80 - 4.00)\n"))
        #expect(better.contains("| A suite | requests/s | 2.00 | 2.00 - 2.00 | 2 | 0 | 0 |\n"))
        #expect(better.contains("is behind or it is undecided\n\nNowhere in these figures.\n"))
    }

    @Test("The results page tells machine, versions, commit, date and command, and has a table for each suite")
    func page() throws {
        let text = try Self.page([Self.result]).markdown

        #expect(text.hasPrefix("# Results\n\nnew 2 against old 1.6.45, 2026-01-31, commit abc123.\n"))
        #expect(text.contains("* Machine: \(Machine.current.processor), "))
        #expect(text.contains("* old: `memcached -p {port}`"))
        #expect(text.contains("```sh\nmartlet-load compare\n```"))
        #expect(text.contains("| first | requests/s | 2,000 | 1,000 | 2.00 | 1.50 - 2.50 |"))
        #expect(text.contains("|  | server CPU/request | 1.00 µs | 4.00 µs | 4.00 | 4.00 - 4.00 |"))
        #expect(text.contains("| geometric mean | requests/s |  |  | 2.00 |  |"))
    }

    @Test("The overview of a page has the medians of the pairs")
    func overview() throws {
        let overview = try #require(SuiteResult.overview([Self.result]))

        #expect(overview.columns == ["requests/s", "server CPU/request"])
        #expect(overview.rows.map(\.title) == ["first", "second"])
        #expect(overview.rows[0].gains[0] == 2)
    }

    // MARK: A suite nobody ran

    private static func page(_ suites: [SuiteResult]) throws -> ResultsPage {
        ResultsPage(
            contenders: [
                try ServerTemplate(name: "new", command: "martletd -p {port}"),
                try ServerTemplate(name: "old", command: "memcached -p {port}"),
            ], versions: ["2", "1.6.45"], machine: .current, commit: "abc123", date: "2026-01-31",
            command: "martlet-load compare", suites: suites)
    }

    private static let suite: LoadComparison.Suite = {
        var first = Scenario(title: "first")
        first.measures = ["rate", "server-cpu"]
        var second = Scenario(title: "second")
        second.measures = ["rate"]
        return LoadComparison.Suite(name: "a", title: "A suite", about: "What it shows.", scenarios: [first, second])
    }()

    private static let result: SuiteResult = {
        var result = SuiteResult(suite: suite, contenders: ["new", "old"])
        let new = [run("new", 1500, 1), run("new", 2000, 1), run("new", 2500, 1)]
        let old = [run("old", 1000, 4), run("old", 1000, 4), run("old", 1000, 4)]
        result.scenarios = [
            ScenarioResult(scenario: suite.scenarios[0], runs: [new, old]),
            ScenarioResult(scenario: suite.scenarios[1], runs: [new, old], halfLoad: 500),
        ]
        return result
    }()
}

/// A run of one second with so many requests, each of which cost the server so many microseconds.
private func run(_ label: String, _ requests: Int, _ microseconds: Int) -> RunResult {
    var run = RunResult(label: label)
    run.seconds = 1
    run.counts.requests = requests
    var server = ServerResult(address: "127.0.0.1:1")
    server.counts.requests = requests
    server.cpuNanoseconds = UInt64(requests * microseconds * 1000)
    run.servers = [server]
    return run
}

/// A run to whose server something was done in its second second, and which was as fast as before so many seconds later.
private func recovered(_ label: String, after seconds: Int) -> RunResult {
    var run = run(label, 1000, 1)
    run.marks = [TimelineMark(second: 2, words: "paused")]
    run.timeline = (1...6).map { second in
        var point = TimelinePoint(second: Double(second), length: 1)
        point.requests = second > 2 && second <= 2 + seconds ? 0 : 1000
        return point
    }
    return run
}

extension Double {
    fileprivate func isNear(_ other: Double) -> Bool { (self - other).magnitude < 1e-9 }
}
