import ArgumentParser
import LoadEngine
import LoadReport
import LoadWorkload

/// `martlet-load run`: load against servers that are there already.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Loads servers that are running and reports what they did.",
        discussion: """
            Examples:
              martlet-load --fill                              as fast as 50 connections go, every value checked
              martlet-load -s cache1:11211 -s cache2 -t 2      two servers, two driver threads
              martlet-load --fill --rate 50k                   50,000 requests a second, latency from when each was due
              martlet-load --fill --rate 10k-200k -d 60        a ramp: where does latency leave the ground?
              martlet-load --workload etc --keys 1m --fill     Facebook's mix of sizes
              martlet-load --mix get=90,set=10 --popularity zipf:0.99 --values 10-1000 -P 16 -c 100
              martlet-load --trace web12.txt.zst --values 10-4000 -T 8     hit ratio of a real trace, enlarged
              martlet-load --fill --rate 20k --html run.html --json run.json

            Exit status: 0 all is well; 1 a check failed: a value that cannot be right, or with --strict doubtful
            figures or errors; 2 the run could not be made or finished; 64 the options make no sense.
            """
    )

    @OptionGroup(title: "Servers") var servers: ServerOptions
    @OptionGroup(title: "Pace") var pace: PaceOptions
    @OptionGroup(title: "Work") var work: WorkOptions
    @OptionGroup(title: "Traces") var traces: TraceOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() throws {
        try ExitStatus.translating {
            let settings = try made()
            Interruption.catchSignals()
            let result = try measured(settings)
            try deliver(result, settings)
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
        settings.label = output.label
        try settings.check()
        return settings
    }

    private func measured(_ settings: LoadSettings) throws -> RunResult {
        var line = LiveLine()
        defer { line.finish() }
        return try LoadRun.run(settings) { phase, point in
            if !output.quiet {
                line.show(phase.rawValue, point, totalSeconds: phase == .measuring ? settings.seconds : nil)
            }
        }
    }

    private func deliver(_ result: RunResult, _ settings: LoadSettings) throws {
        if output.json != "-" { print(TextReport(result).text, terminator: "") }
        if let json = output.json { try ResultFile(runs: [result]).write(path: json) }
        if let hgrm = output.hgrm {
            try ResultFile.write(Array(PercentileText(result.response).text.utf8), path: hgrm)
        }
        if let html = output.html {
            let page = ReportPage(title: result.label, groups: ReportPage.Group.grouped([result], title: result.label))
            try ResultFile.write(Array(page.html().utf8), path: html)
        }
        if result.counts.violations > 0 { throw ExitStatus.failed }
        if output.strict, !result.invalidReasons.isEmpty || result.counts.errors > 0 { throw ExitStatus.failed }
    }
}
