import ArgumentParser
import LoadEngine
import LoadReport

/// `martlet-load report`: results that were written to files, read again, side by side.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Shows results from files, alone or side by side.",
        usage: "martlet-load report <files> ... [<options>]",
        discussion: """
            Examples:
              martlet-load report a.json                        the text report again
              martlet-load report a.json b.json --html ab.html  side by side, ratios to a
              martlet-load report a.json --hgrm a.hgrm          for HdrHistogram's plotter
            """
    )

    @Argument(help: "Results, as run --json writes them, files or pipes; the ratios are to the first.")
    var files: [String]

    @Option(help: "Write one self-contained HTML page.")
    var html: String?

    @Option(help: "Write the percentiles of the response times, in milliseconds; for a single run.")
    var hgrm: String?

    @Option(help: "Write all runs into one JSON file.")
    var json: String?

    @Option(help: "The page's title.")
    var title: String?

    func run() throws { try ExitStatus.translating(show) }

    private func show() throws {
        var runs: [RunResult] = []
        for file in files { runs += try ResultFile(path: file).runs }
        guard let first = runs.first else { throw ReportError("\(files.joined(separator: ", ")): no runs in it") }
        if let html {
            let title = title ?? runs.map(\.label).uniqued().joined(separator: ", ")
            let page = ReportPage(title: title, groups: ReportPage.Group.grouped(runs, title: title))
            try ResultFile.write(Array(page.html().utf8), path: html)
        }
        if let hgrm {
            guard runs.count == 1 else { throw ReportError("--hgrm takes one run, here are \(runs.count)") }
            try ResultFile.write(Array(PercentileText(first.response).text.utf8), path: hgrm)
        }
        if let json { try ResultFile(runs: runs).write(path: json) }
        if html == nil, hgrm == nil, json == nil {
            try ResultFile.say(runs.map { TextReport($0).text }.joined(separator: "\n"))
        }
    }
}

extension [String] {
    /// Each once, in the order of first appearance.
    fileprivate func uniqued() -> [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
