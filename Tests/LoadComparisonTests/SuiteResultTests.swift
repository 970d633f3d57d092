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

    @Test("The results page tells machine, versions, commit, date and command, and has a table for each suite")
    func page() throws {
        let page = ResultsPage(
            contenders: [
                try ServerTemplate(name: "new", command: "martletd -p {port}"),
                try ServerTemplate(name: "old", command: "memcached -p {port}"),
            ], versions: ["2", "1.6.45"], machine: .current, commit: "abc123", date: "2026-01-31",
            command: "martlet-load compare", suites: [Self.result])

        let text = page.markdown

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

extension Double {
    fileprivate func isNear(_ other: Double) -> Bool { (self - other).magnitude < 1e-9 }
}
