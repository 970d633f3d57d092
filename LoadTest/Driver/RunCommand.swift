import ArgumentParser
import LoadEngine
import LoadHistory
import LoadReport
import LoadWorkload

/// `martlet-load run`: load against servers that are there already.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Loads servers that are running and reports what they did.",
        discussion: """
            As fast as 50 connections go, every value checked:
              martlet-load --fill
            Two servers, two driver threads, 90 % reads, popular keys, pipelines:
              martlet-load -s cache1 -s cache2:11212 -t 2 -c 100 -P 16 --fill \\
                --mix get=90,set=10 --popularity zipf:0.99 --values 10-1000
            50,000 requests a second, latency from when each was due:
              martlet-load --fill --rate 50k
            A ramp: where does latency leave the ground?
              martlet-load --fill --rate 10k-200k -d 60 --html ramp.html
            The highest rate at which 99 % are answered within a millisecond:
              martlet-load --fill --search 'p99<1ms'
            The hit ratio of a real trace, enlarged eight times:
              martlet-load --trace web12.txt.zst --values 10-4000 -T 8 -P 16

            Does each hot key behave like one thing that one does after the other?
              martlet-load --check history

            Without --rate the loop is closed: each connection waits for its
            answer before it asks again. A server that pauses then pauses its
            load as well, and the pause hardly shows. With --rate it does.

            Exit status: 0 all is well; 1 a check failed: a value that cannot be
            right, a goal that was not reached, or with --strict doubtful figures
            or errors; 2 the run could not be made or finished; 64 the options
            make no sense.
            """
    )

    @OptionGroup(title: "Servers") var servers: ServerOptions
    @OptionGroup(title: "Pace") var pace: PaceOptions
    @OptionGroup(title: "Several runs") var series: SeriesOptions
    @OptionGroup(title: "Work") var work: WorkOptions
    @OptionGroup(title: "Traces") var traces: TraceOptions
    @OptionGroup(title: "Checks") var checks: CheckOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func validate() throws {
        if checks.pressure != nil, checks.check == nil { throw ValidationError("--pressure needs --check history.") }
        if checks.binary != nil, checks.check == nil { throw ValidationError("--binary needs --check history.") }
        if checks.tokens != nil, checks.check == nil { throw ValidationError("--tokens needs --check history.") }
        if checks.flush, checks.check == nil { throw ValidationError("--flush needs --check history.") }
        guard series.isSeries else { return }
        if pace.rate != nil {
            throw ValidationError("--search and --sweep choose the rate themselves, without --rate.")
        }
        if traces.trace != nil { throw ValidationError("--search and --sweep have no meaning with --trace.") }
    }

    func run() throws {
        try ExitStatus.translating {
            if checks.check == .history { return try checkHistory() }
            let settings = try made()
            try output.expectWritable()
            Interruption.catchSignals()
            OpenFiles.raiseLimit()
            var live = Live(isQuiet: output.quiet)
            defer { live.line.finish() }
            if let goal = series.search {
                try search(settings, goal, &live)
            } else if series.sweep != nil {
                try sweep(settings, &live)
            } else {
                let result = try LoadRun.run(settings) { live.show($0, $1, settings.seconds) }
                live.line.finish()
                try output.write([result], text: TextReport(result).text)
                try output.check([result])
            }
        }
    }

    /// The settings that the options describe.
    private func made() throws -> LoadSettings {
        var settings = LoadSettings(
            servers: try servers.addresses(), workload: try work.made(folder: traces.folder))
        servers.apply(to: &settings)
        pace.apply(to: &settings)
        work.apply(to: &settings)
        try traces.apply(to: &settings)
        if traces.trace != nil, pace.duration == nil { settings.seconds = nil }
        if series.isSeries, pace.duration == nil, pace.requests == nil { settings.seconds = SeriesOptions.usualSeconds }
        settings.label = output.label
        try settings.check()
        return settings
    }

    private func checkHistory() throws {
        var settings = try checks.history(servers, pace, work, traces, series)
        settings.label = output.label
        try output.expectWritable()
        Interruption.catchSignals()
        OpenFiles.raiseLimit()
        var live = Live(isQuiet: output.quiet)
        defer { live.line.finish() }
        let result = try HistoryRun.run(settings) { live.show(.measuring, $0, settings.seconds) }
        live.line.finish()
        try output.write([result], text: TextReport(result).text)
        try output.check([result])
    }

    // MARK: Several runs

    private func search(_ settings: LoadSettings, _ goal: LatencyGoal, _ live: inout Live) throws {
        let (trials, best) = try LoadSeries.search(
            settings, goal: goal, news: { live.tell($0) }, progress: { live.show($0, $1, settings.seconds) })
        live.line.finish()
        var text = SeriesTable(trials, goal: goal).text + "\n"
        if Interruption.isWanted { text += "The search was interrupted: what follows is what was known by then.\n" }
        if let best {
            text += "The highest rate with \(goal): \(Quantity.grouped(Int(best.rate.rounded()))) requests a second\n\n"
            text += TextReport(best).text
        } else {
            text += "No rate was found with \(goal).\n"
        }
        try output.write(trials, text: text)
        try output.check(trials)
        if best == nil { throw ExitStatus.failed }
    }

    private func sweep(_ settings: LoadSettings, _ live: inout Live) throws {
        let (rates, count) = try series.rates()
        let runs = try LoadSeries.sweep(
            settings, rates: rates, count: count, news: { live.tell($0) },
            progress: { live.show($0, $1, settings.seconds) })
        live.line.finish()
        try output.write(runs, text: SeriesTable(runs).text)
        try output.check(runs)
    }
}

/// What is said while runs are under way.
private struct Live {
    var line = LiveLine()
    let isQuiet: Bool

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    mutating func show(_ phase: LoadRun.Phase, _ point: TimelinePoint, _ seconds: Double?) {
        if !isQuiet { line.show(phase.rawValue, point, totalSeconds: phase == .measuring ? seconds : nil) }
    }

    mutating func tell(_ news: LoadSeries.News) {
        guard !isQuiet, case .ended(let result, let isGood) = news else { return }
        let wanted = result.settings["pace"] ?? ""
        let p99 = Quantity.duration(result.response.value(percentile: 99))
        let verdict = isGood.map { $0 ? ", good" : ", not good" } ?? ""
        line.note("\(wanted): \(Quantity.grouped(Int(result.rate.rounded())))/s, p99 \(p99)\(verdict)")
    }
}
