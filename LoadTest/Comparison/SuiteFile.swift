import Foundation
import LoadReport

/// Reads suites from text, line by line:
///
/// ```
/// # a comment
/// title   Latency at half load
/// about   What it shows, in a sentence; several lines are put together.
/// server  -t 1 -m 1024
/// run     --keys 100k --fill -d 5
/// show    p99 p999 server-cpu
///
/// [90 % get, 10 % set]
/// run     --mix get=90,set=10 --rate {half}
/// ```
///
/// Rules:
/// 1. What stands before the first heading holds for every scenario; `server` and `run` lines add to it, the others
///    replace it.
/// 2. A heading begins a scenario; each has its own title.
/// 3. `fault SECOND ACTION [SERVER]` lines are in the order of their times.
/// 4. A line that is none of these, and a value that makes no sense, is an error that names file and line.
struct SuiteFile {
    private let name: String
    private var suite: Suite
    /// What each scenario begins with.
    private var common = Scenario(title: "")
    private var current: Scenario?

    /// - Parameter path: for errors.
    static func read(_ text: String, path: String) throws(ComparisonError) -> Suite {
        var file = SuiteFile(path: path)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            do {
                try file.take(line.trimmed)
            } catch {
                throw .usage("\(file.name):\(index + 1): \(error.description)")
            }
        }
        return try file.finished()
    }

    private init(path: String) {
        let url = URL(fileURLWithPath: path)
        name = url.lastPathComponent
        suite = Suite(name: url.deletingPathExtension().lastPathComponent, title: "", about: "", scenarios: [])
    }

    private mutating func take(_ line: Substring) throws(ComparisonError) {
        guard let first = line.first, first != "#" else { return }
        if first == "[" {
            guard line.last == "]", line.count > 2 else { throw .usage("a heading is [a title in brackets]") }
            let title = String(line.dropFirst().dropLast().trimmed)
            try finishScenario()
            guard !suite.scenarios.contains(where: { $0.title == title }) else {
                throw .usage("there is already a scenario '\(title)'")
            }
            current = common
            current?.title = title
            return
        }
        let word = line.prefix { !$0.isWhitespace }
        let rest = String(line.dropFirst(word.count).trimmed)
        guard !rest.isEmpty else { throw .usage("'\(word)' says nothing") }
        switch word {
        case "title" where current == nil: suite.title = rest
        case "about" where current == nil: suite.about += (suite.about.isEmpty ? "" : " ") + rest
        default:
            if current == nil {
                try Self.take(word, rest, into: &common)
            } else {
                try Self.take(word, rest, into: &current!)
            }
        }
    }

    private static func take(
        _ word: Substring, _ rest: String, into scenario: inout Scenario
    ) throws(ComparisonError) {
        switch word {
        case "server": scenario.serverOptions.words += try CommandWords(parsing: rest).words
        case "run": scenario.runOptions.words += try CommandWords(parsing: rest).words
        case "servers":
            guard let count = Int(rest), (1...64).contains(count) else {
                throw .usage("'\(rest)' is no number of servers, 1 to 64")
            }
            scenario.serverCount = count
        case "pairs":
            guard let count = Int(rest), (1...1000).contains(count) else {
                throw .usage("'\(rest)' is no number of pairs, 1 to 1000")
            }
            scenario.pairCount = count
        case "limit":
            guard let seconds = Double(rest), seconds > 0, seconds <= 86_400 else {
                throw .usage("'\(rest)' is no time limit in seconds")
            }
            scenario.secondsMax = seconds
        case "show":
            scenario.measures = rest.split(whereSeparator: \.isWhitespace).map(String.init)
            for name in scenario.measures where Measure.named(name) == nil {
                let known = Measure.all.map(\.name).joined(separator: ", ")
                throw .usage("'\(name)' is nothing that is measured; known are \(known)")
            }
        case "fault": try scenario.faults.append(fault(rest, after: scenario.faults.last))
        default: throw .usage("'\(word)' is not a word of suites")
        }
    }

    private static func fault(_ text: String, after last: Fault?) throws(ComparisonError) -> Fault {
        let words = text.split(whereSeparator: \.isWhitespace)
        let actions = Fault.Action.allCases.map(\.rawValue).joined(separator: ", ")
        guard words.count == 2 || words.count == 3, let second = Double(words[0]), second >= 0, second <= 86_400,
            let action = Fault.Action(rawValue: String(words[1]))
        else { throw .usage("'\(text)' is no fault: expected SECOND ACTION [SERVER], actions are \(actions)") }
        var fault = Fault(second: second, action: action)
        if words.count == 3 {
            guard let number = Int(words[2]), number >= 1 else {
                throw .usage("'\(words[2])' is no server; they are 1, 2, ...")
            }
            fault.server = number - 1
        }
        if let last, last.second > second { throw .usage("faults are in the order of their times") }
        return fault
    }

    private mutating func finishScenario() throws(ComparisonError) {
        guard let scenario = current else { return }
        if let fault = scenario.faults.first(where: { $0.server >= scenario.serverCount }) {
            throw .usage(
                "'\(scenario.title)' has a fault of server \(fault.server + 1), but only \(scenario.serverCount) of them"
            )
        }
        suite.scenarios.append(scenario)
        current = nil
    }

    private consuming func finished() throws(ComparisonError) -> Suite {
        try finishScenario()
        guard !suite.scenarios.isEmpty else { throw .usage("\(name): no scenario in it") }
        if suite.title.isEmpty { suite.title = suite.name }
        return suite
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var rest = self
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }
}
