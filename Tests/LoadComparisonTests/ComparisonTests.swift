import Foundation
import LoadComparison
import LoadEngine
import LoadReport
import ServerTesting
import Testing

@Suite("Comparisons of real servers", .serialized, .timeLimit(.minutes(15)))
struct ComparisonTests {
    @Test("Runs alternate between the contenders, each with a server of its own")
    func alternating() throws {
        let comparison = try Programs.comparison(pairs: 2)
        let suite = try SuiteText.suite(
            "[a]\nserver -m 64\nrun --fill --keys 100 -c 2 -n 2000 --timeout 60\nshow rate\n")
        var steps: [String] = []

        let result = try comparison.run(suite) { words, isStep in if isStep { steps.append(words) } }

        #expect(steps.map { $0.suffix(8) } == ["A 1 of 2", "B 1 of 2", "A 2 of 2", "B 2 of 2"])
        let runs = result.scenarios[0].runs
        #expect(runs.map(\.count) == [2, 2])
        #expect(runs[0][0].startedAt < runs[1][0].startedAt && runs[1][0].startedAt < runs[0][1].startedAt)
        #expect(Set(result.runs.flatMap(\.servers).map(\.address)).count == 4)
        for run in result.runs {
            #expect(run.counts.requests == 2000)
            #expect(run.servers.allSatisfy { $0.cpuNanoseconds ?? 0 > 0 })
            #expect(run.settings[ReportPage.Group.workloadSetting] == "a")
        }
        #expect(result.scenarios[0].gains(.rate) != nil)
    }

    @Test("Both run at half of the second one's highest rate where a scenario asks for it")
    func halfLoad() throws {
        let comparison = try Programs.comparison(pairs: 1)
        let suite = try SuiteText.suite(
            "[a]\nrun --fill --keys 100 -c 2 -d 300ms --timeout 60 --verify framing --rate {half}\nshow p99\n")

        let result = try comparison.run(suite) { _, _ in }

        let half = try #require(result.scenarios[0].halfLoad)
        #expect(half > 100)
        // The first request is due at once: one more in 0.3 s.
        for run in result.runs { #expect(run.rate < Double(half) * 1.5 + 4) }
    }

    @Test("A server that is paused and resumed shows in the marks, and the run recovers")
    func pause() throws {
        let comparison = try Programs.comparison(pairs: 1, alone: true)

        let isSeen = try withLongerTime { factor -> Bool? in
            let suite = try SuiteText.suite(
                """
                [a]
                run   --fill --keys 100 -c 4 --rate 2000 -d \(3 * factor) --interval \(100 * factor)ms --timeout 60
                fault \(factor) pause
                fault \(1.6 * factor) resume
                show  recovery max
                """)

            let run = try comparison.run(suite) { _, _ in }.scenarios[0].runs[0][0]

            // Nothing was measured before, or the pause was none, on a machine that stood still just then.
            guard let marks = run.marks, marks.map(\.words) == ["pause", "resume"], let recovery = Recovery(run),
                marks[1].second - marks[0].second > 0.3 * factor
            else { return nil }
            // Open loop: who asked during the pause waited for its end.
            return run.response.max > UInt64(250_000_000 * factor)
                && recovery.lowestRate < recovery.usualRate / 2 ? true : nil
        }

        #expect(isSeen == true)
    }

    @Test("A server that is killed and started again is empty, and the driver goes on when it is told to")
    func kill() throws {
        let comparison = try Programs.comparison(pairs: 1, alone: true)

        let isSeen = try withLongerTime { factor -> Bool? in
            let suite = try SuiteText.suite(
                """
                [a]
                run   --fill --keys 100 -c 4 --mix get=1 --rate 2000 -d \(3 * factor) --interval 100ms \
                      --keep-going --timeout 60
                fault \(0.8 * factor) kill
                fault \(1.2 * factor) start
                show  recovery failures hit-ratio
                """)

            let run = try comparison.run(suite) { _, _ in }.scenarios[0].runs[0][0]

            #expect(run.violations.isEmpty)
            // Each part is a good deal of the whole, unless the machine stood still for it.
            let isPartly = run.counts.hitRatio.map { $0 < 0.9 && $0 > 0.05 } == true
            let isDone = run.marks?.map(\.words) == ["kill", "start"]
            return isDone && isPartly && run.counts.connectionsBroken > 0 ? true : nil
        }

        #expect(isSeen == true)
    }

    @Test("A server that does not start is told with its own last words")
    func startFails() throws {
        let template = try ServerTemplate(name: "bad", command: "sh -c 'echo no such option; exit 3' {socket}")

        let error = try #require(throws: ComparisonError.self) {
            try StartedServer(template, options: CommandWords([]), cores: nil)
        }

        #expect(error.description.hasSuffix("ended with status 3: no such option"))
    }

    @Test("A driver that cannot do what a scenario asks ends the comparison with its sentence")
    func badScenario() throws {
        let comparison = try Programs.comparison(pairs: 1)
        let suite = try SuiteText.suite("[a]\nrun --mix dance=1\n")

        let error = try #require(throws: ComparisonError.self) { try comparison.run(suite) { _, _ in } }

        #expect(error.description.hasPrefix("a, A: '"))
        #expect(error.description.contains("dance"), "\(error)")
    }

    @Test("A place that nothing fills is noticed before anything is started")
    func unknownPlace() throws {
        let comparison = try Programs.comparison(pairs: 1)
        let suite = try SuiteText.suite("[a]\nrun -d 1\n[b]\nrun --trace {somewhere}/x\n")
        var steps = 0

        let error = try #require(throws: ComparisonError.self) { try comparison.run(suite) { _, _ in steps += 1 } }

        #expect(error.description == "'b' needs {somewhere}, which is not given")
        #expect(steps == 0)
    }

    @Test("A driver that does not end is given up")
    func endless() throws {
        let comparison = try Programs.comparison(pairs: 1)
        let suite = try SuiteText.suite("[a]\nlimit 0.5\nrun --fill --keys 10 -d 120\n")

        let error = try #require(throws: ComparisonError.self) { try comparison.run(suite) { _, _ in } }

        #expect(error.description.contains("the driver does not come to an end"))
    }

    @Test(
        "Interrupted, a comparison leaves nothing running and says so by its status",
        arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        let folder = try Scratch()
        let suites = try SuiteText.folder(["long": "[a]\nrun --fill --keys 10 -d 120 --timeout 60\nshow rate\n"])
        defer { try? FileManager.default.removeItem(atPath: suites.path) }
        let server = "sh -c 'echo $$ > \(folder["server"]); exec \(try Programs.server()) -s {socket}'"
        let words = CommandWords([
            try Programs.driver(), "compare", "--a", server, "long", "--scenarios", suites.path,
        ])
        let child = try ChildProcess(words, cores: nil, output: .file(folder["log"]))
        let number = try #require(folder.number("server"))
        #expect(Glibc.kill(number, 0) == 0)

        child.signal(signal)
        child.waitForEnd()

        #expect(child.ending == .exited(128 + signal))
        #expect(Glibc.kill(number, 0) != 0)
    }
}

/// The programs beside the tests' own.
enum Programs {
    static func driver() throws -> String { try path("martlet-load") }

    /// `martletd` with what root has to say.
    static func server() throws -> String { try path("martletd") + (getuid() == 0 ? " -u root" : "") }

    static func comparison(pairs: Int, alone: Bool = false) throws -> Comparison {
        // Not a port: it would be somebody else's before the server takes it.
        let command = try server() + " -s {socket}"
        var contenders = [try ServerTemplate(name: "A", command: command)]
        if !alone { contenders.append(try ServerTemplate(name: "B", command: command)) }
        var comparison = Comparison(contenders: contenders, program: try driver())
        comparison.pairCount = pairs
        return comparison
    }

    private static func path(_ name: String) throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
        try #require(FileManager.default.isExecutableFile(atPath: path), "\(name) is not built")
        return path
    }
}
