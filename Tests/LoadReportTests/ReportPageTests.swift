import Foundation
import LoadEngine
import LoadReport
import Testing

@Suite("The HTML page")
struct ReportPageTests {
    @Test("It needs nothing from anywhere: no address, no import, no outside file")
    func selfContained() throws {
        let html = try Self.single.html()

        let addresses = html.matches(of: /https?:\/\/[^"' )]+/).map { String($0.0) }
        #expect(addresses.allSatisfy { $0 == "http://www.w3.org/2000/svg" }, "\(addresses)")
        for word in ["<link", "<img", "@import", "url(", " src="] { #expect(!html.contains(word), "\(word)") }
        #expect(html.utf8.count < 300_000)
    }

    @Test("Words of others cannot become markup or end the script")
    func hostile() throws {
        let nasty = "</script><script>alert('\"&')</script>"
        var run = SyntheticRun(label: nasty, seconds: 2).make()
        run.settings["keys"] = nasty
        run.servers[0].version = nasty
        run.servers[0].statistics[nasty] = nasty
        run.violations = [Violation(kind: "torn", key: nasty, server: nasty, explanation: nasty)]
        run.invalidReasons = [nasty]

        let html = try ReportPage(title: nasty, groups: [.init(title: nasty, runs: [run, run])]).html()

        #expect(html.ranges(of: "<script").count == 2)
        #expect(html.ranges(of: "</script>").count == 2)
        #expect(!html.contains("<script>alert"))
    }

    @Test("One run has tiles, several have a table with ratios to the baseline")
    func sideBySide() throws {
        let slow = SyntheticRun(label: "slow", rate: 100_000).make()
        let fast = SyntheticRun(label: "fast", rate: 200_000, medianNanoseconds: 50_000).make()

        let one = try ReportPage(title: "one", groups: [.init(title: "one", runs: [fast])]).html()
        let two = try ReportPage(title: "two", groups: [.init(title: "two", runs: [slow, fast])]).html()

        #expect(one.contains("class=\"tile\"") && !one.contains("Ratios are to"))
        #expect(!two.contains("class=\"tile\"") && two.contains("Ratios are to slow"))
        #expect(two.contains("<span class=\"better\">2.00× ▲</span>"))
    }

    @Test("Several workloads begin with an overview and its geometric mean")
    func overview() throws {
        let html = try Self.comparison.html()

        #expect(html.contains("martlet against memcached"))
        #expect(html.contains("geometric mean"))
    }

    @Test("Doubts and wrong answers are alarms, not footnotes")
    func alarms() throws {
        var run = SyntheticRun(seconds: 1).make()
        run.violations = [Violation(kind: "stale", key: "k", server: "a:1", explanation: "version 3 after 4")]
        run.invalidReasons = ["the driver lagged"]

        let html = try ReportPage(title: "a", groups: [.init(title: "a", runs: [run])]).html()

        #expect(html.ranges(of: "role=\"alert\"").count == 2)
        #expect(html.contains("stale, key k, a:1: version 3 after 4"))
    }

    @Test("A day of seconds is drawn with as many points as there are pixels, and its stalls stay")
    func thinned() throws {
        var run = RunResult(label: "long")
        run.timeline = (1...86_400).map { second in
            var point = TimelinePoint(second: Double(second), length: 1)
            point.requests = 100
            point.max = second == 40_000 ? 123_456_789 : 1000
            return point
        }

        let html = try ReportPage(title: "long", groups: [.init(title: "long", runs: [run])]).html()

        #expect(html.utf8.count < 150_000)
        #expect(html.contains("123456789"))
    }

    @Test(
        "In a real browser every chart is drawn, wide or narrow, and the script has nothing to complain about",
        .enabled(if: Browser.installed != nil, "no Chromium shows a page"), .timeLimit(.minutes(20)),
        arguments: [1280, 400])
    func drawn(width: Int) throws {
        let browser = try #require(Browser.installed)

        let page = try browser.document(of: Self.comparison.html(), width: width)

        // Two groups of four charts with two lines each, the percentile curves with service lines as well.
        #expect(page.html.ranges(of: "<svg class=\"plot\"").count == 8)
        #expect(page.html.ranges(of: "<path class=\"line").count >= 16)
        #expect(!page.html.contains("NaN"))
        #expect(!page.log.contains("Uncaught"), "\(page.log)")
    }

    @Test(
        "A run in which nothing was answered is drawn without complaint",
        .enabled(if: Browser.installed != nil, "no Chromium shows a page"), .timeLimit(.minutes(20)))
    func nothing() throws {
        let browser = try #require(Browser.installed)
        var run = RunResult(label: "nobody")
        run.timeline = [TimelinePoint(second: 1, length: 1), TimelinePoint(second: 2, length: 1)]

        let page = try browser.document(
            of: ReportPage(title: "nobody", groups: [.init(title: "nobody", runs: [run])]).html(), width: 900)

        #expect(page.html.contains("nothing was measured"))
        #expect(!page.html.contains("NaN"))
        #expect(!page.log.contains("Uncaught"), "\(page.log)")
    }

    @Test(
        "Runs at different rates are a curve of latency over rate",
        .enabled(if: Browser.installed != nil, "no Chromium shows a page"), .timeLimit(.minutes(20)))
    func sweep() throws {
        let browser = try #require(Browser.installed)

        let page = try browser.document(of: Self.rates.html(), width: 900)

        #expect(page.html.contains("Latency by rate"))
        // Three percentiles at four rates.
        #expect(page.html.ranges(of: "<circle class=\"dot").count == 12)
        #expect(!page.log.contains("Uncaught"), "\(page.log)")
    }

    static let rates = ReportPage(
        title: "A sweep",
        groups: [
            .init(
                title: "A sweep",
                runs: [20_000.0, 40_000, 60_000, 80_000].map { rate in
                    SyntheticRun(
                        label: "127.0.0.1:11211 \(Int(rate))/s", rate: rate,
                        medianNanoseconds: 80_000 + rate * rate / 2e4,
                        isOpenLoop: true
                    ).make()
                })
        ])

    static let single = ReportPage(
        title: "127.0.0.1:11211",
        groups: [
            .init(
                title: "mix",
                runs: [SyntheticRun(seconds: 30, serverCount: 3, isOpenLoop: true, stallSecond: 17).make()])
        ])

    static let comparison: ReportPage = {
        func pair(_ seed: UInt64, _ rate: Double, _ median: Double) -> [RunResult] {
            [
                SyntheticRun(label: "memcached", seed: seed, rate: rate, medianNanoseconds: median).make(),
                SyntheticRun(
                    label: "martlet", seed: seed + 100, rate: rate * 1.2, medianNanoseconds: median * 0.8,
                    hitRatio: 0.96, isOpenLoop: seed == 2, stallSecond: 4
                ).make(),
            ]
        }
        var page = ReportPage(
            title: "Martlet and memcached",
            groups: [
                .init(title: "get, one at a time", runs: pair(1, 160_000, 95_000)),
                .init(title: "90 % get, 10 % set, zipf 0.99", runs: pair(2, 900_000, 400_000)),
            ])
        page.introduction = ["Two cores, Linux 6.18; one worker thread each."]
        return page
    }()

    /// For looking at: `MARTLET_LOAD_SAMPLES=folder` keeps the pages of this suite.
    @Test(
        "Samples are written where they are asked for",
        .enabled(if: ProcessInfo.processInfo.environment["MARTLET_LOAD_SAMPLES"] != nil))
    func samples() throws {
        let folder = try #require(ProcessInfo.processInfo.environment["MARTLET_LOAD_SAMPLES"])
        try ResultFile.write(Array(Self.single.html().utf8), path: folder + "/single.html")
        try ResultFile.write(Array(Self.comparison.html().utf8), path: folder + "/comparison.html")
        try ResultFile.write(Array(Self.rates.html().utf8), path: folder + "/sweep.html")
        try ResultFile.write(Array(TextReport(Self.single.groups[0].runs[0]).text.utf8), path: folder + "/single.txt")
        try ResultFile.write(
            PercentileText(Self.single.groups[0].runs[0].response).bytes, path: folder + "/single.hgrm")
    }
}

extension PercentileText {
    fileprivate var bytes: [UInt8] { Array(text.utf8) }
}
