import Foundation
import LoadEngine

/// Runs as one HTML page that needs nothing else: no network, no fonts, no libraries; styles, script and figures are in
/// it.
///
/// ```
/// title, where and when
/// overview            with several groups: ratios of all of them, and their geometric mean
/// group               one workload
///     alarms          wrong answers, doubts
///     tiles | table   one run | several side by side, each with its ratio to the baseline
///     charts          percentile curve, throughput, latency, hit ratio (drawn by page.js)
///     operations, servers, settings
/// ```
/// Everything but the charts is plain HTML, so that the figures can be read, copied and printed without the script.
package struct ReportPage: Sendable {
    /// Runs of one workload, side by side.
    package struct Group: Sendable {
        package var title: String
        package var runs: [RunResult]

        package init(title: String, runs: [RunResult]) {
            self.title = title
            self.runs = runs
        }

        /// The setting that names the workload of a run that was one of several.
        package static let workloadSetting = "workload"

        /// Runs of one workload together, in the order of first appearance; all of them together where none is named.
        package static func grouped(_ runs: [RunResult], title: String) -> [Group] {
            var groups: [Group] = []
            for run in runs {
                let workload = run.settings[workloadSetting] ?? title
                if let index = groups.firstIndex(where: { $0.title == workload }) {
                    groups[index].runs.append(run)
                } else {
                    groups.append(Group(title: workload, runs: [run]))
                }
            }
            return groups
        }
    }

    package var title: String
    /// Machine, versions, what was compared: a sentence or two under the title.
    package var introduction: [String] = []
    package var groups: [Group]
    /// The run of each group that the others are compared with.
    package var baseline = 0
    /// Gains of all groups, where they are known better than from the runs shown; made from those otherwise.
    package var overview: PageOverview?

    package init(title: String, groups: [Group]) {
        self.title = title
        self.groups = groups
    }

    package func html() throws(ReportError) -> String {
        let style = String(decoding: PackageResources.page_css, as: UTF8.self)
        let script = String(decoding: PackageResources.page_js, as: UTF8.self)
        var body = "<header><div><h1>\(Markup.text(title))</h1>\n"
        body += introduction.map { Markup.element("p", class: "quiet", Markup.text($0)) }.joined(separator: "\n")
        body += "</div><button id=\"theme\" type=\"button\" hidden>light / dark</button></header>\n<main>\n"
        if let overview = overview ?? PageOverview(groups: groups, baseline: baseline) { body += overview.html }
        for (index, group) in groups.enumerated() {
            body += PageGroup(group: group, index: index, baseline: baseline, isAlone: groups.count == 1).html
        }
        body +=
            "<noscript><p class=\"alarm\">The charts need JavaScript; all figures are in the tables.</p></noscript>\n"
        body +=
            "</main>\n<footer>Made by martlet-load. Times are told from the intended moment of sending where a rate "
        body += "was asked for, otherwise from sending; percentiles by HdrHistogram, three digits.</footer>\n"
        let figures = try PageFigures(groups: groups).json()
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(Markup.text(title))</title>
            <style>
            \(style)</style>
            </head>
            <body>
            \(body)<script type="application/json" id="content">\(figures)</script>
            <script>
            \(script)</script>
            </body>
            </html>

            """
    }
}
