import Foundation
import Glibc
import LoadEngine
import LoadReport
import Testing

@Suite("Result files")
struct ResultFileTests {
    @Test("What is written is read again, to the last latency")
    func roundTrip() throws {
        var run = SyntheticRun(serverCount: 2, isOpenLoop: true).make()
        run.violations = [Violation(kind: "torn", key: "k1", server: "a:1", explanation: "half \"old\"\nhalf new")]
        run.invalidReasons = ["the driver lagged"]

        let bytes = try ResultFile(runs: [run]).encoded()
        let read = try ResultFile(decoding: bytes, name: "a.json")

        let copy = try #require(read.runs.first)
        #expect(try read.encoded() == bytes)
        #expect(copy.counts == run.counts)
        #expect(copy.response.count == run.response.count)
        #expect(copy.response.max == run.response.max)
        #expect(copy.response.value(percentile: 99.9) == run.response.value(percentile: 99.9))
        #expect(copy.timeline.count == run.timeline.count)
        #expect(copy.violations.first?.explanation == "half \"old\"\nhalf new")
    }

    @Test("A number that is none does not cost the run its file")
    func oddNumbers() throws {
        var run = SyntheticRun(seconds: 1).make()
        run.driver.busyFraction = .nan

        let read = try ResultFile(decoding: ResultFile(runs: [run]).encoded(), name: "a.json")

        #expect(read.runs.first?.driver.busyFraction.isNaN == true)
    }

    @Test(
        "Anything else is refused with a sentence that names the file and what is wrong",
        arguments: [
            ("", "a.json is not a result of martlet-load: it is not JSON"),
            ("[1, 2]", "a.json is not a result of martlet-load: not what was expected"),
            (#"{"runs": []}"#, "a.json is not a result of martlet-load: 'schema' is missing"),
            (
                #"{"schema": "other", "version": 1}"#,
                "a.json is not a result of martlet-load: its schema is 'other'"
            ),
            (
                #"{"schema": "martlet-load", "version": 99}"#,
                "a.json was written by a newer martlet-load (schema version 99, known: 1)"
            ),
            (#"{"schema": "martlet-load", "version": 1}"#, "a.json is damaged: 'runs' is missing"),
            (
                #"{"schema": "martlet-load", "version": 1, "runs": [{"label": 3}]}"#,
                "a.json is damaged: not what was expected in runs.Index 0.label"
            ),
        ])
    func refused(text: String, message: String) {
        let error = #expect(throws: ReportError.self) {
            try ResultFile(decoding: Array(text.utf8), name: "a.json")
        }

        #expect(error?.message == message)
    }

    @Test("A file that is not there or cannot be written is named")
    func paths() {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("no-such-folder-\(UUID())").path

        let reading = #expect(throws: ReportError.self) { try ResultFile(path: folder + "/a.json") }
        let writing = #expect(throws: ReportError.self) { try ResultFile(runs: []).write(path: folder + "/a.json") }

        #expect(reading?.message.hasPrefix("\(folder)/a.json cannot be read") == true)
        #expect(writing?.message.hasPrefix("\(folder)/a.json cannot be written") == true)
    }

    @Test("What is no file, such as a pipe, is written to and not replaced")
    func pipe() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("pipe-\(UUID())").path
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        // Without waiting for a writer; what is written fits into the pipe.
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }

        try ResultFile.expectWritable(path)
        try ResultFile.write(Array("words".utf8), path: path)

        var bytes = [UInt8](repeating: 0, count: 16)
        let count = read(reader, &bytes, bytes.count)
        #expect(String(decoding: bytes[..<max(count, 0)], as: UTF8.self) == "words")
    }

    @Test("A pipe is read to its end; what is empty is no result")
    func readPipe() throws {
        var ends: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&ends) == 0)
        defer { close(ends[0]) }
        try ResultFile.write(ResultFile(runs: []).encoded(), to: ends[1], name: "a pipe")
        close(ends[1])

        #expect(try ResultFile(path: "/dev/fd/\(ends[0])").runs.isEmpty)
        let nothing = #expect(throws: ReportError.self) { try ResultFile(path: "/dev/null") }
        #expect(nothing?.message == "/dev/null is not a result of martlet-load: it is not JSON")
    }

    @Test("What a full device does not take is an error")
    func full() throws {
        let device = open("/dev/full", O_WRONLY)
        try #require(device >= 0)
        defer { close(device) }

        let error = #expect(throws: ReportError.self) {
            try ResultFile.write(Array("a report\n".utf8), to: device, name: "standard output")
        }

        #expect(error?.message == "standard output cannot be written: No space left on device")
    }

    @Test("A file without a name is refused, before anything is measured and when it is written")
    func nameless() {
        let before = #expect(throws: ReportError.self) { try ResultFile.expectWritable("") }
        let after = #expect(throws: ReportError.self) { try ResultFile(runs: []).write(path: "") }

        #expect(before?.message == "'' cannot be written: a file has a name")
        #expect(after?.message == before?.message)
    }

    @Test("A folder cannot be written, nor can what lies in none")
    func unwritable() throws {
        let folder = FileManager.default.temporaryDirectory.path

        #expect(throws: ReportError.self) { try ResultFile.expectWritable(folder) }
        #expect(throws: ReportError.self) { try ResultFile.expectWritable("\(folder)/no-\(UUID())/a.json") }
        try ResultFile.expectWritable("\(folder)/no-\(UUID()).json")
        try ResultFile.expectWritable(nil)
    }
}
