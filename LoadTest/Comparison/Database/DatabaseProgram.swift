import Foundation
import Glibc
import LoadEngine

/// One of a database's programs, running in its scratch folder as an unprivileged user, with its words in a file there.
///
/// Started by the main thread, it gets a signal from the kernel when that thread goes: not even a scenario that is
/// killed leaves it running.
struct DatabaseProgram {
    private let child: ChildProcess
    private let folder: ScratchFolder
    private let log: String

    /// - Parameters:
    ///   - words: the program's path and its arguments.
    ///   - user: whom to become; nil to stay who we are.
    ///   - log: the file in `folder` that gets what it prints.
    init(_ words: [String], user: UnprivilegedUser?, folder: ScratchFolder, log: String) throws(LoadError) {
        self.folder = folder
        self.log = log
        let command = CommandWords(try Self.command(words, user: user, folder: folder.path))
        do throws(ComparisonError) {
            child = try ChildProcess(command, cores: nil, output: .file("\(folder.path)/\(log)"))
        } catch {
            throw LoadError(error)
        }
    }

    /// The process id while it runs.
    var process: pid_t? { child.isRunning ? child.number : nil }

    /// How it ended, and its last words: `ended with status 1: no space left`. nil while it runs.
    var ending: String? {
        guard !child.isRunning, let ending = child.ending else { return nil }
        return "\(ending): \(folder.lastWords(of: log))"
    }

    var hasSucceeded: Bool { !child.isRunning && child.ending == .exited(0) }

    /// Waits for the end, `seconds` at most; ends it and throws when the time is over or the scenario is to end.
    func wait(seconds: Double, _ endRequest: EndRequest) throws(LoadError) {
        let deadline = MonotonicTime.now() + UInt64(seconds * 1e9)
        while child.isRunning {
            do throws(LoadError) {
                try endRequest.sleep(nanoseconds: 10_000_000)
                guard MonotonicTime.now() < deadline else { throw .circumstances("It took longer than \(seconds) s.") }
            } catch {
                child.end()
                throw error
            }
        }
    }

    /// Sends a signal and waits for `seconds`; what runs then is ended as `ChildProcess` does it.
    func stop(_ signal: Int32, seconds: Double) {
        child.signal(signal)
        let deadline = MonotonicTime.now() + UInt64(seconds * 1e9)
        while child.isRunning, MonotonicTime.now() < deadline { usleep(2000) }
        child.end()
    }

    private static let setprivPaths = ["/usr/bin/setpriv", "/bin/setpriv"]
    /// What could lead a database's program to another database.
    private static let environmentNames = [
        "PGDATA", "PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGOPTIONS", "PGSERVICE",
    ]

    private static func command(
        _ words: [String], user: UnprivilegedUser?, folder: String
    ) throws(LoadError) -> [String] {
        var command = ["/usr/bin/env", "-C", folder] + environmentNames.flatMap { ["-u", $0] } + ["LC_ALL=C"]
        guard let setpriv = setprivPaths.first(where: { access($0, X_OK) == 0 }) else {
            guard let user else { return command + words }
            throw .circumstances(
                "\(words[0]) is not to be run by root, and setpriv, to become \(user.name), is missing.")
        }
        command.append(setpriv)
        // The signal comes with the end of the thread that started it, which others may see before the scenario's end.
        command += ["--pdeathsig", Thread.isMainThread ? "INT" : "clear"]
        if let user { command += ["--reuid", "\(user.id)", "--regid", "\(user.group)", "--clear-groups"] }
        return command + ["--"] + words
    }
}
