/// What a run found, for people.
package enum DifferenceText {
    package static func text(_ result: DifferenceRun.Result, expected: String, found: String) -> String {
        var text = "\(result.commandCount) commands, \(result.comparedCount) compared\n"
        for (sentence, count) in result.allowed.sorted(by: { $0.value > $1.value }) {
            text += "  \(count) x \(sentence)\n"
        }
        text += result.findings.isEmpty ? "no other difference\n" : "\(result.findings.count) without a reason:\n"
        for finding in result.findings {
            text += "\n"
            for command in finding.earlier { text += "  earlier: \(shown(String(command.prefix(100))))\n" }
            text += answers(finding, expected, found)
        }
        for (sentence, findings) in result.samples.sorted(by: { $0.key < $1.key }) {
            text += "\n\(sentence)\n"
            for finding in findings { text += answers(finding, expected, found) }
        }
        return text
    }

    /// Everything that led to a finding, a command a line.
    package static func epoch(_ finding: AllowedDifference.Finding) -> String {
        finding.epoch.map { shown($0) + "\n" }.joined()
    }

    private static func answers(
        _ finding: AllowedDifference.Finding, _ expected: String, _ found: String
    ) -> String {
        var text = ""
        for command in finding.commands.prefix(3) { text += "  > \(shown(command))\n" }
        if finding.commands.count > 3 { text += "  > and \(finding.commands.count - 3) more\n" }
        text += "  \(expected): \(shown(finding.expected))\(finding.expectedCloses ? " [closed]" : "")\n"
        text += "  \(found): \(shown(finding.found))\(finding.foundCloses ? " [closed]" : "")\n"
        return text
    }

    private static let shownMax = 300

    /// Escaped, and cut in the middle.
    private static func shown(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(shownMax) {
            switch scalar {
            case "\r": shown += "\\r"
            case "\n": shown += "\\n"
            case " "..."~": shown.unicodeScalars.append(scalar)
            default: shown += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            }
        }
        let count = text.unicodeScalars.count
        return "\"\(shown)\"" + (count > shownMax ? " ... \(count) bytes" : "")
    }
}
