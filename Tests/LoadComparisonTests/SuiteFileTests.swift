import Foundation
import LoadComparison
import Testing

@Suite("Suites from files")
struct SuiteFileTests {
    @Test("What stands before the first heading holds for all; server and run lines add up")
    func common() throws {
        let suite = try SuiteText.suite(
            """
            # a comment
            title  Two things
            about  The first line,
            about  and the second.
            server -t 1
            run    -d 3 --fill
            show   rate p99

            [one]
            run    --mix get=1
            [two]
            server -m 64
            show   max
            """)

        #expect(suite.title == "Two things")
        #expect(suite.about == "The first line, and the second.")
        #expect(suite.scenarios.map(\.title) == ["one", "two"])
        #expect(suite.scenarios[0].runOptions.text == "-d 3 --fill --mix get=1")
        #expect(suite.scenarios[1].serverOptions.text == "-t 1 -m 64")
        #expect(suite.scenarios.map(\.measures) == [["rate", "p99"], ["max"]])
    }

    @Test("Faults have a time, an action and a server")
    func faults() throws {
        let suite = try SuiteText.suite(
            """
            [a]
            servers 3
            fault  2.5 pause
            fault  4 kill 3
            """)

        #expect(
            suite.scenarios[0].faults == [
                Fault(second: 2.5, action: .pause), Fault(second: 4, action: .kill, server: 2),
            ])
        #expect(suite.scenarios[0].faults.map(\.description) == ["pause", "kill 3"])
    }

    @Test("A scenario that asks for half load says so")
    func halfLoad() throws {
        let suite = try SuiteText.suite("[a]\nrun -d 1 --rate {half} -c 5\n[b]\nrun -d 1\n")

        #expect(suite.scenarios.map(\.needsHalfLoad) == [true, false])
    }

    @Test(
        "What makes no sense is refused with file, line and reason",
        arguments: [
            ("[a]\nwalk -d 3", "t.suite:2: 'walk' is not a word of suites"),
            ("[a]\nrun", "t.suite:2: 'run' says nothing"),
            ("[a]\nrun 'x", "t.suite:2: ''x' ends in the middle of a quoted word"),
            ("[]\n", "t.suite:1: a heading is [a title in brackets]"),
            ("[a", "t.suite:1: a heading is [a title in brackets]"),
            ("[a]\n[a]", "t.suite:2: there is already a scenario 'a'"),
            ("[a]\ntitle b", "t.suite:2: 'title' is not a word of suites"),
            ("[a]\nservers none", "t.suite:2: 'none' is no number of servers, 1 to 64"),
            ("[a]\nlimit 0", "t.suite:2: '0' is no time limit in seconds"),
            (
                "[a]\nfault soon kill",
                "t.suite:2: 'soon kill' is no fault: expected SECOND ACTION [SERVER], actions are stop, kill, pause, "
                    + "resume, start"
            ),
            ("[a]\nfault 3 kill 0", "t.suite:2: '0' is no server; they are 1, 2, ..."),
            ("[a]\nfault 3 kill\nfault 2 start", "t.suite:3: faults are in the order of their times"),
            ("[a]\nfault 3 kill 2\n[b]\nrun x", "t.suite:3: 'a' has a fault of server 2, but only 1 of them"),
            ("# nothing\n", "t.suite: no scenario in it"),
        ])
    func refused(text: String, message: String) {
        let error = #expect(throws: ComparisonError.self) { try SuiteText.suite(text) }

        #expect(error?.description == message)
    }

    @Test("An unknown figure is refused with the names of all that are known")
    func unknownMeasure() throws {
        let error = try #require(throws: ComparisonError.self) { try SuiteText.suite("[a]\nshow speed\n") }

        #expect(error.description.hasPrefix("t.suite:2: 'speed' is nothing that is measured; known are rate, keys"))
    }

    @Test("A suite that is not there is answered with those that are")
    func missing() throws {
        let folder = try SuiteText.folder(["one": "[a]\nrun x\n", "two": "[a]\nrun x\n"])
        defer { try? FileManager.default.removeItem(atPath: folder.path) }

        let error = try #require(throws: ComparisonError.self) { try folder.suite("three") }

        #expect(folder.names == ["one", "two"])
        #expect(error.description == "there is no suite 'three'; there are one, two")
    }

    @Test("A suite that is given by its path needs no folder")
    func path() throws {
        let folder = try SuiteText.folder(["mine": "title Mine\nabout x.\nshow rate\n\n[one]\nrun -d 1\n"])
        defer { try? FileManager.default.removeItem(atPath: folder.path) }

        #expect(SuiteFolder.isPath("./mine") && SuiteFolder.isPath("mine.suite") && !SuiteFolder.isPath("mine"))
        #expect(try SuiteFolder(path: "/nowhere").suite("\(folder.path)/mine.suite").title == "Mine")
    }

    @Test("Every suite of the repository can be read and shows something")
    func ours() throws {
        let folder = try SuiteFolder.found()

        #expect(folder.names.contains("throughput"))
        for name in folder.names {
            let suite = try folder.suite(name)
            #expect(!suite.about.isEmpty, "\(name) says what it shows")
            #expect(suite.scenarios.allSatisfy { !$0.measures.isEmpty }, "\(name)")
        }
    }
}

/// Whether the driver takes what suites ask of it.
@Suite("Suites and the driver", .timeLimit(.minutes(15)))
struct SuiteOptionsTests {
    @Test("The driver knows every option of the repository's suites")
    func known() throws {
        let folder = try SuiteFolder.found()
        let scratch = try Scratch()

        for name in folder.names {
            for scenario in try folder.suite(name).scenarios where !scenario.runOptions.contains("traces") {
                let options = scenario.runOptions.filled(["half": "1000"]).words
                let words = [try Programs.driver(), "run"] + options + ["--server", "unix:\(scratch["nobody"])", "-q"]
                let child = try ChildProcess(CommandWords(words), cores: nil, output: .file(scratch["log"]))
                child.waitForEnd()
                let said = try scratch.text("log")
                // 2: nobody answers there. 64 would be an option that makes no sense.
                #expect(child.ending == .exited(2), "\(name), \(scenario.title): \(said)")
            }
        }
    }
}

/// Suites that exist as text only.
enum SuiteText {
    static func folder(_ suites: [String: String]) throws -> SuiteFolder {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("suites-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, text) in suites {
            try text.write(toFile: "\(path)/\(name).suite", atomically: true, encoding: .utf8)
        }
        return SuiteFolder(path: path)
    }

    static func suite(_ text: String) throws -> Suite {
        let folder = try folder(["t": text])
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        return try folder.suite("t")
    }
}
