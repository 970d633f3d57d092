import Foundation
import LoadReport

/// The page of results that lies in the repository, as Markdown: machine, versions, commit and date, then a table for
/// each suite. Written anew by the command it names.
package struct ResultsPage {
    package var contenders: [ServerTemplate]
    /// The servers' own versions, by contender.
    package var versions: [String]
    package var machine: Machine
    /// The commit that was measured, nil where there is none to be found.
    package var commit: String?
    /// `2026-01-31`.
    package var date: String
    /// What writes the page anew.
    package var command: String
    package var conditions: [String] = []
    package var suites: [SuiteResult]
    /// Further sections, as they are.
    package var appendix: [String] = []

    package init(
        contenders: [ServerTemplate], versions: [String], machine: Machine, commit: String?, date: String,
        command: String, suites: [SuiteResult]
    ) {
        self.contenders = contenders
        self.versions = versions
        self.machine = machine
        self.commit = commit
        self.date = date
        self.command = command
        self.suites = suites
    }

    package var markdown: String {
        var sections = [head]
        if contenders.count == 2 { sections.append(short) }
        sections += suites.map(section)
        sections += appendix
        return sections.joined(separator: "\n")
    }

    private var head: String {
        var lines = ["# Results", ""]
        let names = zip(contenders, versions).map { contender, version in "\(contender.name) \(version)" }
        lines.append(
            "\(Self.safe(names.joined(separator: " against "))), \(date)\(commit.map { ", commit \($0)" } ?? "").")
        lines.append("")
        let memory = Quantity.bytes(Double(machine.memoryBytes))
        let cores = "\(machine.coreCount) core\(machine.coreCount == 1 ? "" : "s")"
        lines.append("* Machine: \(Self.safe(machine.processor)), \(cores), \(memory); \(Self.safe(machine.system)).")
        for contender in contenders {
            lines.append("* \(Self.safe(contender.name)): `\(Self.withoutFolder(contender.command).text)`")
        }
        lines += conditions.map { "* " + Self.safe($0) }
        lines += ["", "Written by", "", "```sh", command, "```", ""]
        if contenders.count == 2 {
            lines += [
                "\"Times better\" is the median of the ratios taken run by run, above 1 where \(Self.safe(contenders[0].name)) is",
                "better, whether more or less is better; the spread is that of the single ratios. As each server's own figure is",
                "the median of its runs, the quotient of the two figures may differ from that ratio, and even point the other",
                "way.",
            ]
            lines.append("")
        }
        return lines.joined(separator: "\n")
    }

    private func section(_ result: SuiteResult) -> String {
        var lines = ["## " + Self.safe(result.suite.title), ""]
        let count = result.scenarios.first?.runs.first?.count ?? 0
        let runs = "\(count) run\(count == 1 ? "" : "s") of each server."
        lines += [Self.safe(result.suite.about.isEmpty ? runs : "\(result.suite.about) \(runs)"), ""]
        let isPair = result.contenders.count == 2
        let head =
            ["work", "figure"] + result.contenders.map(Self.safe) + (isPair ? ["times better"] : []) + ["spread"]
        lines.append("| \(head.joined(separator: " | ")) |")
        lines.append("| --- | --- |" + String(repeating: " ---: |", count: head.count - 2))
        var title = ""
        for row in SuiteRows(result).rows {
            switch row {
            case .title(let words): title = words
            case .figures(let name, let values, let gain, let spread):
                let cells = [title, name] + values + (isPair ? [gain] : []) + [spread]
                lines.append("| \(cells.map(Self.safe).joined(separator: " | ")) |")
                title = ""
            }
        }
        if !result.doubts.isEmpty { lines += [""] + result.doubts.map { "* " + Self.safe($0) } }
        return (lines + [""]).joined(separator: "\n")
    }

    /// Where a program lies on one machine says nothing to others.
    private static func withoutFolder(_ command: CommandWords) -> CommandWords {
        var words = command.words
        if let program = words.first?.split(separator: "/").last { words[0] = String(program) }
        return CommandWords(words)
    }

    /// What would be taken for a part of the table or a mark.
    static func safe(_ words: String) -> String {
        words.replacing("|", with: "\\|").replacing("<", with: "&lt;").replacing("\n", with: " ")
    }
}
