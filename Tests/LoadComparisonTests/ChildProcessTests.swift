import Foundation
import LoadComparison
import Testing

@Suite("Processes we start")
struct ChildProcessTests {
    @Test("How a process ended is known, by status or by signal")
    func endings() throws {
        let folder = try Scratch()

        let failing = try ChildProcess(CommandWords(["sh", "-c", "exit 3"]), cores: nil, output: .file(folder["log"]))
        failing.waitForEnd()
        let dying = try ChildProcess(
            CommandWords(["sh", "-c", "kill -9 $$"]), cores: nil, output: .file(folder["log"]))
        dying.waitForEnd()

        #expect(failing.ending == .exited(3))
        #expect(dying.ending == .killed(9))
        #expect(!failing.isRunning)
    }

    @Test("A program that is not there is named")
    func missing() throws {
        let folder = try Scratch()

        let error = try #require(throws: ComparisonError.self) {
            try ChildProcess(CommandWords(["/no/such/program"]), cores: nil, output: .file(folder["log"]))
        }

        #expect(error.description == "'/no/such/program' cannot be started: No such file or directory")
    }

    @Test("What a process started is gone with it, also when it is paused")
    func group() throws {
        let folder = try Scratch()
        let script = "sleep 1000 & echo $! > '\(folder["number"])'; wait"
        let child = try ChildProcess(CommandWords(["sh", "-c", script]), cores: nil, output: .file(folder["log"]))
        let grandchild = try #require(folder.number("number"))
        child.signal(SIGSTOP)

        child.stop()

        #expect(child.ending != nil)
        #expect(Scratch.eventually { Scratch.isGone(grandchild) })
    }

    @Test("Whoever forgets a process stops it")
    func forgotten() throws {
        let folder = try Scratch()
        var child: ChildProcess? = try ChildProcess(
            CommandWords(["sleep", "1000"]), cores: nil, output: .file(folder["log"]))
        let number = try #require(child?.number)
        #expect(kill(number, 0) == 0)

        child = nil

        #expect(kill(number, 0) != 0)
    }

    @Test("A process keeps to its cores")
    func cores() throws {
        let folder = try Scratch()
        let core = CoreSet.allowed.cores[0]

        let child = try ChildProcess(
            CommandWords(["grep", "Cpus_allowed_list", "/proc/self/status"]), cores: CoreSet([core]),
            output: .file(folder["log"]))
        child.waitForEnd()

        #expect(try folder.text("log").split(whereSeparator: \.isWhitespace).last == "\(core)")
    }
}

/// A folder for one test, and waiting for what other processes do.
final class Scratch {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("comparison-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    subscript(name: String) -> String { "\(path)/\(name)" }

    func text(_ name: String) throws -> String { try String(contentsOfFile: self[name], encoding: .utf8) }

    /// The process number that somebody writes into a file.
    func number(_ name: String) -> pid_t? {
        var number: pid_t?
        _ = Self.eventually {
            number = (try? self.text(name)).flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
            return number != nil
        }
        return number
    }

    /// Whether a process has ended. Where nobody waits for what was left behind, its number stays.
    static func isGone(_ process: pid_t) -> Bool {
        if kill(process, 0) != 0 { return true }
        // Behind the name, which may have anything in it: the state.
        let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        return text?.split(separator: ")").last?.hasPrefix(" Z") ?? true
    }

    /// Asks until it is true, a minute at most: for what another process does and nobody tells of.
    static func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<6000 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }
}
