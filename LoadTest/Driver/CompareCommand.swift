import ArgumentParser
import Foundation
import LoadComparison
import LoadEngine
import LoadReport

/// `martlet-load compare`: whole suites against two servers that it starts itself, in turns.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Starts two servers in turns, runs suites against them and says which is how much better.",
        discussion: """
            SERVER is a command line; {port} becomes a free port, {socket} the path of a
            Unix socket. What a suite asks of the servers (-m 64) is appended, or put
            where {options} stands.

            Examples:
              A='martletd -p {port}'; B='memcached -p {port}'
              martlet-load compare --a "$A" --b "$B" throughput
              martlet-load compare --a "$A" --b "$B" all --results results.md
              martlet-load compare --a "$A" --b "$B" latency --pairs 7 --html l.html
              martlet-load compare --a "$B" faults                  one server alone
              martlet-load compare --a "$A" --b "$B" throughput --only multiget \\
                --run '-d 1'                                        a part, and shorter

            Exit status: 0 all is well; 1 a value cannot have come from a correct server;
            2 a server or the driver failed; 64 the options or a suite make no sense;
            128 and the signal's number when it was interrupted.
            """
    )

    @Option(help: ArgumentHelp("The server that is judged.", valueName: "SERVER"))
    var a: String

    @Option(help: ArgumentHelp("The server it is judged against.", valueName: "SERVER"))
    var b: String?

    @Option(help: "What to call the first server; its program's name otherwise.")
    var nameA: String?

    @Option(help: "What to call the second server.")
    var nameB: String?

    @Argument(help: ArgumentHelp("Names of suites, files of suites, or all.", valueName: "suite"))
    var suites: [String]

    @Option(help: "Runs of each server in each scenario; as many as the suite says (3, if it does not) otherwise.")
    var pairs: Int?

    @Option(help: "Only scenarios whose title contains this.")
    var only: String?

    @Option(
        name: .customLong("run"), parsing: .unconditional,
        help: ArgumentHelp("Options behind those of every run, as '-d 1'.", valueName: "options"))
    var runOptions = ""

    @Option(
        name: .customLong("run-b"), parsing: .unconditional,
        help: ArgumentHelp(
            "Options behind those of the second server's runs, as '--protocol redis'.", valueName: "options"))
    var runOptionsB = ""

    @Option(help: "Folder of the suites; LoadTest/Scenarios otherwise.")
    var scenarios: String?

    @Option(help: "Folder of the traces that suites replay: {traces}.")
    var traces = "../shared/traces"

    @Option(help: ArgumentHelp("The command the page of results names as what writes it anew.", valueName: "command"))
    var writtenBy: String?

    @Option(help: ArgumentHelp("Cores of the servers, as 0-3,6; half of them otherwise.", valueName: "cores"))
    var serverCores: String?

    @Option(help: ArgumentHelp("Cores of the driver.", valueName: "cores"))
    var driverCores: String?

    @Option(help: ArgumentHelp("Write all runs as JSON.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("Write one page with charts.", valueName: "file"))
    var html: String?

    @Option(help: ArgumentHelp("Write a page of results as Markdown.", valueName: "file"))
    var results: String?

    @Option(help: ArgumentHelp("Append what a command prints to the page of results.", valueName: "command"))
    var appendix: [String] = []

    @Flag(name: .shortAndLong, help: "Do not say what is going on.")
    var quiet = false

    func validate() throws {
        if let pairs, !(1...1000).contains(pairs) {
            throw ValidationError("--pairs \(pairs): 1 to 1000 are possible.")
        }
        if !appendix.isEmpty, results == nil { throw ValidationError("--appendix needs --results.") }
        if nameB != nil, b == nil { throw ValidationError("--name-b needs --b.") }
        if !runOptionsB.isEmpty, b == nil { throw ValidationError("--run-b needs --b.") }
    }

    func run() throws {
        try ExitStatus.translating {
            let comparison = try made()
            _ = Self.loadBefore
            let chosen = try chosenSuites()
            for path in [json, html, results] { try ResultFile.expectWritable(path) }
            StopSignal.listen()
            OpenFiles.raiseLimit()
            var line = LiveLine()
            defer { line.finish() }
            var results: [SuiteResult] = []
            for suite in chosen {
                let result = try comparison.run(suite) { words, isStep in
                    // Away from a terminal one line for each run is enough.
                    if !quiet, isStep || line.isTerminal { line.show(words) }
                }
                line.finish()
                let said = Result { try ResultFile.say(ComparisonText(result).text + "\n") }
                results.append(result)
                // After each suite: what is done is not lost if the next one fails.
                try deliver(results, comparison)
                try said.get()
            }
            if !appendix.isEmpty { try deliver(results, comparison, appendix: printed()) }
            if results.contains(where: { $0.violationCount > 0 }) { throw ExitStatus.failed }
        }
    }

    private func made() throws -> Comparison {
        var contenders = [try ServerTemplate(name: nameA, command: a)]
        if let b {
            var other = try ServerTemplate(name: nameB, command: b)
            if other.name == contenders[0].name {
                contenders[0] = try ServerTemplate(name: "\(contenders[0].name) A", command: a)
                other = try ServerTemplate(name: "\(other.name) B", command: b)
            }
            contenders.append(other)
        }
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var comparison = Comparison(contenders: contenders, program: program)
        comparison.pairCount = pairs
        if let serverCores { comparison.serverCores = try CoreSet(parsing: serverCores) }
        if let driverCores { comparison.driverCores = try CoreSet(parsing: driverCores) }
        comparison.furtherOptions = try CommandWords(parsing: runOptions)
        if b != nil { comparison.ownOptions[1] = try CommandWords(parsing: runOptionsB) }
        if hasTraces { comparison.places["traces"] = traces }
        return comparison
    }

    private var hasTraces: Bool { FileManager.default.fileExists(atPath: traces) }

    private func chosenSuites() throws -> [Suite] {
        let isAll = suites == ["all"]
        // Suites that are given by their paths need no folder.
        let needsFolder = !suites.allSatisfy(SuiteFolder.isPath)
        let folder =
            try scenarios.map { SuiteFolder(path: $0) } ?? (needsFolder ? SuiteFolder.found() : SuiteFolder(path: "."))
        var chosen: [Suite] = []
        for name in isAll ? folder.names : suites {
            var suite = try folder.suite(name)
            if let only { suite.scenarios.removeAll { !$0.title.contains(only) } }
            if !hasTraces, suite.scenarios.contains(where: { $0.runOptions.contains("traces") }) {
                let sentence = "\(suite.name) needs traces, and there is no folder \(traces); name it with --traces"
                guard isAll else { throw ValidationError(sentence) }
                var line = LiveLine()
                line.note("left out: \(sentence)")
                suite.scenarios.removeAll { $0.runOptions.contains("traces") }
            }
            if !suite.scenarios.isEmpty { chosen.append(suite) }
        }
        if chosen.isEmpty {
            throw ValidationError("no scenario is left\(only.map { ": none has '\($0)' in its title" } ?? "")")
        }
        return chosen
    }

    // MARK: What is written

    /// What the further commands say, each as a section.
    private func printed() throws -> [String] {
        var sections: [String] = []
        for command in appendix {
            let words = try CommandWords(parsing: command)
            let text = try CommandOutput.text(of: words)
            let name = (words.words.first ?? "").split(separator: "/").last.map(String.init) ?? ""
            let title = CommandWords([name] + words.words.dropFirst()).text
            sections.append("## `\(title)`\n\n```\n\(text)\n```\n")
        }
        return sections
    }

    private func deliver(_ suites: [SuiteResult], _ comparison: Comparison, appendix: [String] = []) throws {
        if let json { try ResultFile(runs: suites.flatMap(\.runs)).write(path: json) }
        if let html {
            let names = comparison.contenders.map(\.name)
            var page = ReportPage(title: names.joined(separator: " and "), groups: suites.flatMap(\.groups))
            page.introduction = conditions(comparison)
            page.baseline = names.count - 1
            page.overview = SuiteResult.overview(suites)
            try ResultFile.write(Array(page.html().utf8), path: html)
        }
        if let results {
            var page = ResultsPage(
                contenders: comparison.contenders, versions: versions(suites), machine: .current,
                commit: Repository.commit(except: results), date: Repository.today(),
                command: writtenBy ?? CommandWords(CommandLine.arguments).text,
                suites: suites)
            page.conditions = conditions(comparison)
            page.appendix = appendix
            try ResultFile.write(Array(page.markdown.utf8), path: results)
        }
    }

    /// What the machine was busy with before we came, over a minute.
    private static let loadBefore: String? = {
        let text = try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)
        return text?.split(separator: " ").first.map(String.init)
    }()

    private func conditions(_ comparison: Comparison) -> [String] {
        var sentences = [
            "Servers on core \(comparison.serverCores), the driver on core \(comparison.driverCores); loopback; "
                + "runs in turns, each with a server started for it; medians."
        ]
        if let load = Self.loadBefore {
            sentences.append("Load average of the machine before the first run: \(load); 0 is quiet.")
        }
        if !runOptionsB.isEmpty {
            sentences.append(
                "\(comparison.contenders[1].name)'s runs with \(runOptionsB) behind the suite's own options.")
        }
        if !runOptions.isEmpty { sentences.append("Every run with \(runOptions) behind the suite's own options.") }
        return sentences
    }

    /// What the servers call themselves, by contender.
    private func versions(_ suites: [SuiteResult]) -> [String] {
        let scenarios = suites.flatMap(\.scenarios)
        return suites[0].contenders.indices.map { index in
            scenarios.lazy.flatMap { $0.runs[index] }.flatMap(\.servers).compactMap(\.version).first
                ?? "(version unknown)"
        }
    }
}
