import Foundation

/// What can be said about the sources that were measured.
package enum Repository {
    /// The commit of the working directory, marked where files differ from it; nil where there is none.
    package static func commit() -> String? {
        guard let commit = output(of: "git rev-parse --short=10 HEAD"), !commit.isEmpty else { return nil }
        let changes = output(of: "git status --porcelain --untracked-files=no") ?? ""
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

    /// What a command prints, without the line's end; nil if it fails.
    private static func output(of command: String) -> String? {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-load-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        guard let words = try? CommandWords(parsing: command),
            let child = try? ChildProcess(words, cores: nil, output: .file(file.path))
        else { return nil }
        child.waitForEnd()
        guard child.ending == .exited(0), let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
