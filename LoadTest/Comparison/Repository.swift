import Foundation

/// What can be said about the sources that were measured.
package enum Repository {
    /// The commit of the working directory, marked where files other than `page`, which is being written, differ from
    /// it; nil where there is none.
    package static func commit(except page: String) -> String? {
        guard let commit = output(of: "git rev-parse --short=10 HEAD"), !commit.isEmpty else { return nil }
        let changes = output(of: "git status --porcelain --untracked-files=no -- . ':(exclude)\(page)'") ?? ""
        return changes.isEmpty ? commit : "\(commit) with changes"
    }

    /// The day it is, `2026-01-31`.
    package static func today() -> String {
        var now = time(nil)
        var day = tm()
        localtime_r(&now, &day)
        let parts = [Int(day.tm_year) + 1900, Int(day.tm_mon) + 1, Int(day.tm_mday)]
        return parts.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: "-")
    }

    private static func output(of command: String) -> String? {
        guard let words = try? CommandWords(parsing: command) else { return nil }
        return try? CommandOutput.text(of: words)
    }
}

/// What other programs print.
package enum CommandOutput {
    /// Runs a command to its end and returns what it printed, without the last line's end. Throws when it fails, with
    /// its words, and when a signal came; the command is gone by then.
    package static func text(of words: CommandWords) throws(ComparisonError) -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-load-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let child = try ChildProcess(words, cores: nil, output: .file(file.path))
        defer { child.stop() }
        while child.isRunning { try StopSignal.wait(seconds: 0.01) }
        let text = ((try? String(contentsOf: file, encoding: .utf8)) ?? "")
            .trimmingCharacters(in: .whitespacesAndNewlines)
        guard child.ending == .exited(0) else {
            throw .circumstances("'\(words.text)' \(child.ending.map(\.description) ?? "is gone"): \(text.suffix(500))")
        }
        return text
    }
}
