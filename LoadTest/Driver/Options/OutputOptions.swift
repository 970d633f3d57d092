import ArgumentParser
import LoadEngine
import LoadReport

/// What is said about runs, and where.
struct OutputOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Write the results as JSON; - for standard output.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("Write the percentiles as HdrHistogram's plotters read them.", valueName: "file"))
    var hgrm: String?

    @Option(help: ArgumentHelp("Write one page with charts.", valueName: "file"))
    var html: String?

    @Option(help: ArgumentHelp("What to call the run.", valueName: "text"))
    var label: String?

    @Flag(name: .shortAndLong, help: "No live line.")
    var quiet = false

    @Flag(help: "Fail (exit status 1) also when the figures are doubtful or the server answered with errors.")
    var strict = false

    /// Throws, before anything is measured, when a file could not be written.
    func expectWritable() throws {
        for path in [json, hgrm, html] { try ResultFile.expectWritable(path) }
    }

    /// Prints `text`, unless standard output is taken, and writes the files asked for.
    func write(_ runs: [RunResult], text: String) throws {
        // Whatever becomes of it, the files are written.
        let said = Result { if json != "-" { try ResultFile.say(text) } }
        if let json { try ResultFile(runs: runs).write(path: json) }
        if let hgrm, let last = runs.last {
            try ResultFile.write(Array(PercentileText(last.response).text.utf8), path: hgrm)
        }
        if let html {
            let title = label ?? runs.last?.label ?? ""
            let page = ReportPage(title: title, groups: ReportPage.Group.grouped(runs, title: title))
            try ResultFile.write(Array(page.html().utf8), path: html)
        }
        try said.get()
    }

    /// Throws the exit status of runs that must not pass.
    func check(_ runs: [RunResult]) throws {
        for run in runs {
            if run.counts.violations > 0 { throw ExitStatus.failed }
            if strict, !run.invalidReasons.isEmpty || run.counts.errors > 0 { throw ExitStatus.failed }
        }
        if runs.allSatisfy(\.isFutile) { throw ExitStatus.impossible }
    }
}
