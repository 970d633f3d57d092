import DoubleTesting
import Foundation
import Testing

/// The built `martlet-load`, as scripts see it: what it prints, where, and its exit status.
@Suite("martlet-load")
struct ProgramTests {
    /// Beside the test's own program; nil when it was not built.
    static let path: String? = {
        guard let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return nil }
        let path = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("martlet-load").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    private struct End {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Starts the program and waits for its end; `during` is done in between. What it prints goes to `outputPath` if
    /// there is one, or into a pipe that has nobody at its other end.
    private static func run(
        _ words: [String], outputPath: String? = nil, isUnread: Bool = false,
        during: (Process) throws -> Void = { _ in }
    ) throws -> End {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(path))
        process.arguments = words
        // Its own limits are shorter than a machine may stand still. Whatever is asked for here comes behind.
        if words.first == "-q" { process.arguments = ["--timeout", "60", "--connect-timeout", "60"] + words }
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        if outputPath != nil || isUnread {
            process.standardOutput = try outputPath.map { FileHandle(forWritingAtPath: $0) } ?? unread()
            // Or its reader would wait for ever.
            try output.fileHandleForWriting.close()
        }
        process.standardError = errors
        try process.run()
        try during(process)
        // Both fit into their pipes.
        process.waitUntilExit()
        let texts = try [output, errors].map {
            String(decoding: try $0.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        }
        return End(status: process.terminationStatus, output: texts[0], errors: texts[1])
    }

    /// A pipe could still have a reader: a process that another test starts just then.
    private static func unread() throws -> FileHandle {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        shutdown(ends[0], Int32(SHUT_RDWR))
        close(ends[0])
        return FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
    }

    @Test("ends with 0 when all is well, and its JSON is JSON", .enabled(if: path != nil))
    func success() throws {
        let double = try ServerDouble()

        let end = try Self.run([
            "-q", "-p", "\(double.port)", "-n", "500", "-c", "2", "--fill", "--keys", "50", "--json", "-",
        ])

        #expect(end.status == 0)
        #expect(end.errors.isEmpty)
        let content = try JSONSerialization.jsonObject(with: Data(end.output.utf8)) as? [String: Any]
        #expect((content?["runs"] as? [[String: Any]])?.count == 1)
    }

    @Test("ends with 1 when an answer was wrong, and says so first", .enabled(if: path != nil))
    func violation() throws {
        let double = try ServerDouble(.flipped(every: 10))

        let end = try Self.run(["-q", "-p", "\(double.port)", "-n", "500", "-c", "2", "--fill", "--keys", "50"])

        #expect(end.status == 1)
        #expect(end.output.hasPrefix("WRONG ANSWERS"))
    }

    @Test("checks histories: 0 for a right server, 1 and an excerpt for a wrong one", .enabled(if: path != nil))
    func histories() throws {
        let words = ["-q", "--check", "history", "-n", "8000", "-c", "6"]
        let right = try ServerDouble(HotBrain())
        let wrong = try ServerDouble(HotBrain(.mixedToken(every: 100)))
        let lossy = try ServerDouble(HotBrain(.lostUpdate(every: 60)))

        let good = try Self.run(words + ["-p", "\(right.port)"])
        let bad = try Self.run(words + ["-p", "\(wrong.port)"])
        let lost = try Self.run(words + ["-p", "\(lossy.port)"])

        #expect(good.status == 0, "\(good.output)\(good.errors)")
        #expect(bad.status == 1 && lost.status == 1)
        #expect(bad.output.hasPrefix("WRONG ANSWERS"))
        // Which is found first: a lost update gives two versions one token, and leaves no order.
        #expect(lost.output.hasPrefix("WRONG ANSWERS") && lost.output.contains("(moments in brackets):"))
    }

    @Test("ends with 2 when a server answers nothing but errors, and says so", .enabled(if: path != nil))
    func errorsOnly() throws {
        let double = try ServerDouble(.refusing)

        let end = try Self.run(["-q", "-p", "\(double.port)", "-n", "50", "-c", "2", "--mix", "set=1", "--fill"])

        #expect(end.status == 2)
        #expect(end.output.contains("Every answer was an error."))
        #expect(end.output.contains("The cache was not filled: "))
    }

    @Test("ends with 2 when nobody can read its report; files are written all the same", .enabled(if: path != nil))
    func fullOutput() throws {
        let double = try ServerDouble()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("load-\(UUID()).json").path
        defer { try? FileManager.default.removeItem(atPath: file) }

        let end = try Self.run(
            ["-q", "-p", "\(double.port)", "-n", "50", "-c", "2", "--json", file], outputPath: "/dev/full")

        #expect(end.status == 2)
        #expect(end.errors == "martlet-load: standard output cannot be written: No space left on device\n")
        #expect(FileManager.default.fileExists(atPath: file))
    }

    @Test(
        "ends with 2 when its report goes into a closed pipe; files are written all the same", .enabled(if: path != nil)
    )
    func closedPipe() throws {
        let double = try ServerDouble()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("load-\(UUID()).json").path
        defer { try? FileManager.default.removeItem(atPath: file) }

        let end = try Self.run(
            ["-q", "-p", "\(double.port)", "-n", "50", "-c", "2", "--json", file], isUnread: true)

        #expect(end.status == 2)
        #expect(end.errors == "martlet-load: standard output cannot be written: Broken pipe\n")
        #expect(FileManager.default.fileExists(atPath: file))
    }

    @Test("says before it measures that a file cannot be written", .enabled(if: path != nil))
    func unwritable() throws {
        let double = try ServerDouble()

        let end = try Self.run(["-q", "-p", "\(double.port)", "-d", "60", "--json", "/nowhere/a.json"])

        #expect(end.status == 2)
        #expect(end.errors == "martlet-load: /nowhere/a.json cannot be written: No such file or directory\n")
        #expect(double.answered.load(ordering: .relaxed) == 0)
    }

    @Test("ends with 2 when there is no server", .enabled(if: path != nil))
    func noServer() throws {
        let end = try Self.run(["-S", "/nowhere/martlet"])

        #expect(end.status == 2)
        #expect(end.errors == "martlet-load: Cannot connect to unix:/nowhere/martlet: No such file or directory.\n")
        #expect(end.output.isEmpty)
    }

    @Test(
        "ends with 64 when the options make no sense",
        .enabled(if: path != nil),
        arguments: [
            ["--rate", "0"], ["--depth", "0"], ["--mix", "foo"], ["--search", "p99"], ["--saturate", "--rate", "5"],
            ["--trace", "/dev/null", "--fill"], ["--speed", "2"], ["--sweep", "0"],
            ["--sweep", "5", "--search", "p99<1s"],
            ["--verify", "off", "--expect-hits"], ["--ratio", "1"], ["--keys", "1000g"], ["-s", "a:b"], ["--nonsense"],
            ["--key-size", "2"],
            ["--check", "history", "--rate", "5k"], ["--check", "history", "-c", "1"], ["--check", "foo"],
            ["--flush"], ["--tokens", "rise"], ["--check", "history", "--tokens", "fall"],
            ["--clients", "9223372036854775807", "-t", "2"], ["simulate", "--rate", "nan"], ["--pressure", "0.5"],
            ["--check", "history", "-s", "a", "-s", "b"], ["--binary", "2"],
            ["--check", "history", "--binary", "9", "-c", "8"],
        ])
    func usage(words: [String]) throws {
        let end = try Self.run(words)

        #expect(end.status == 64, "\(words): \(end.errors)")
        #expect(end.errors.hasPrefix("Error: "))
    }

    @Test("a command that there is none of is named, with those that there are", .enabled(if: path != nil))
    func unknownCommand() throws {
        let end = try Self.run(["runn"])

        #expect(end.status == 64)
        #expect(end.errors.hasPrefix("Error: there is no command 'runn'; there are run, compare, "), "\(end.errors)")
    }

    @Test("what is wrong with options points to their own command", .enabled(if: path != nil))
    func helpNamed() throws {
        for words in [["--keys", "5", "--key-size", "2", "--key-prefix", "long"], ["run", "-s", "a:b"]] {
            let end = try Self.run(words)

            #expect(end.status == 64)
            #expect(end.errors.hasSuffix("See 'martlet-load run --help' for more information.\n"), "\(end.errors)")
        }
    }

    @Test(
        "the help of run tells what holds without an option, and a seed that is picked is none of it",
        .enabled(if: path != nil))
    func defaults() throws {
        // However wide the lines are.
        let help = try Self.run(["run", "--help"]).output.split { " \n".contains($0) }.joined(separator: " ")
        let other = try Self.run(["differ", "--help"]).output.split { " \n".contains($0) }.joined(separator: " ")

        for words in ["; 50 otherwise.", "; 10 seconds otherwise,", "; 10000 otherwise.", "; gets only otherwise."] {
            #expect(help.contains(words), "\(words)")
        }
        #expect(other.contains("How many commands; 1m otherwise."))
        #expect(!other.contains("told. (default"))
    }

    /// Swift's threads hold signals back, and the program starts with what its parent's thread holds back: it has to let
    /// them through by itself. Otherwise it would run to its own end, and report that just as well.
    @Test("ends early when it is interrupted, and reports what there was", .enabled(if: path != nil))
    func interruption() throws {
        let double = try ServerDouble()
        var interruptedAt = ContinuousClock.now

        let end = try Self.run(["-q", "-p", "\(double.port)", "-d", "120", "-c", "2", "--interval", "100ms"]) {
            process in
            while process.isRunning, double.answered.load(ordering: .relaxed) < 100 { usleep(1000) }
            interruptedAt = .now
            kill(process.processIdentifier, SIGINT)
        }

        #expect(ContinuousClock.now - interruptedAt < .seconds(60))
        #expect(end.status == 0)
        #expect(end.output.contains("rate"))
    }

    @Test("searches and sweeps", .enabled(if: path != nil))
    func series() throws {
        let double = try ServerDouble()
        let words = ["-q", "-p", "\(double.port)", "-d", "100ms", "-c", "2", "--fill", "--keys", "50"]

        let search = try Self.run(words + ["--search", "p50<1s"])
        let sweep = try Self.run(words + ["--sweep", "200,400"])

        #expect(search.status == 0 && search.output.contains("The highest rate with p50<1s"))
        #expect(sweep.status == 0 && sweep.output.contains("400/s, constant"))
    }
}
