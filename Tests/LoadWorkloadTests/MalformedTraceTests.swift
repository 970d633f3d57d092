import LoadWorkload
import Testing

/// What is no trace is refused with the file, the line and what is wrong with it.
@Suite("Malformed traces")
struct MalformedTraceTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func error(_ text: String, format: TraceFormat? = nil) throws -> String {
        let path = try folder.write(text, to: "t")
        let error = #expect(throws: WorkloadError.self) { _ = try requests(path, format: format) }
        let message = error?.message ?? ""
        #expect(message.contains(path))
        return message.replacingOccurrences(path, with: "FILE")
    }

    @Test(
        "Lines of a numbered trace",
        arguments: [
            ("x 1 2 3", "an operation that this format does not know"), ("get 1 2 3", "an operation that this format"),
            ("", "an operation that this format does not know"), ("g  1 2 3", "the key is missing"),
            ("g -1 2 3", "the key is missing or not what this format has"),
            ("g 999999999999 0 0", "the key is missing or"),
            ("g 99999999999999999999999999 0 0", "the key is missing or"), ("g 1", "not the number of fields"),
            ("g 1 2", "not the number of fields"), ("g 1 2 3 4", "not the number of fields"),
            ("g 1 2 3 ", "not the number of fields"),
            ("g 1 9999999999 0", "the size is not a number from 0 to 1073741824"),
            ("g 1 x 0", "the size is not a number"), ("g 1 2 -3", "the time to live is not a number of seconds"),
            ("g 1 2 99999999999", "the time to live is not a number of seconds"),
        ])
    func numbered(line: String, reason: String) throws {
        let message = try error("g 0 0 0\ng 1 0 0\n\(line)\ng 2 0 0\n")

        #expect(message.hasPrefix("FILE line 3: \(reason)"), "\(message)")
        #expect(message.hasSuffix("\"\(line)\""), "\(message)")
    }

    @Test(
        "Lines of Twitter's csv",
        arguments: [
            ("1,k,1,2,3,get", "not the number of fields"), ("x,k,1,2,3,get,0", "the time is not a number"),
            ("1,k,x,2,3,get,0", "the size is not a number"), ("1,k,1,x,3,get,0", "the size is not a number"),
            ("1,k,1,2,3,fetch,0", "an operation that this format does not know"),
            ("1,k,1,2,3,get,x", "the time to live is not"), ("1,,1,2,3,get,0", "the key is missing"),
            ("4,k,1,2,3,get,0", "the time is not a number, or goes backwards"),
            ("99999999999999,k,1,2,3,get,0", "the time is not a number, or goes"), ("", "the time is not a number"),
        ])
    func twitter(line: String, reason: String) throws {
        let message = try error("5,a,1,2,3,get,0\n\(line)\n")

        #expect(message.hasPrefix("FILE line 2: \(reason)"), "\(message)")
    }

    @Test(
        "Lines of a watch log",
        arguments: [
            ("hello", "an operation that this format does not know"), ("ts=x gid=1", "the time is not a number"),
            ("ts=5.9999999 gid=1 type=item_get key=a", "the time is not a number"),
            ("ts=5.1", "the time is not a number"),
            ("ts=5.1 gid=1 key=a size=1", "an operation that this format does not know"),
            ("ts=5.1 gid=1 type=item_get status=found", "the key is missing"),
            ("ts=5.1 gid=1 type=item_get key= size=1", "the key is missing"),
            ("ts=5.1 gid=1 type=item_get key=a size=-1", "the size is not a number"),
            ("ts=5.1 gid=1 type=item_store key=a ttl=x", "the time to live is not a number"),
        ])
    func watch(line: String, reason: String) throws {
        let message = try error("ts=5.1 gid=1 type=item_get key=a status=found clsid=1 cfd=2 size=5\n\(line)\n")

        #expect(message.hasPrefix("FILE line 2: \(reason)"), "\(message)")
    }

    @Test("What is like no trace at all is said so, with its first line")
    func unknown() throws {
        #expect(try error("<html>\u{1}\n").hasPrefix("FILE line 1: like no trace that is known"))
        #expect(try error("<html>\u{1}\n").hasSuffix("\"<html>?\""))
        #expect(try error("") == "trace FILE is empty")
    }

    @Test("A format that was asked for is not guessed")
    func forced() throws {
        #expect(try error("g 0 0 0\n", format: .twitter).hasPrefix("FILE line 1: "))
        #expect(try error("1,k,1,2,3,get,0\n", format: .numbered).hasPrefix("FILE line 1: an operation"))
        #expect(throws: WorkloadError("trace format 'arc' is none of numbered, twitter, watch")) {
            try TraceFormat(parsing: "arc")
        }
    }

    @Test("A line that never ends is no line")
    func endless() throws {
        let message = try error("g 0 0 0\n" + String(repeating: "x", count: 300_000))

        #expect(message == "FILE line 2: longer than 16384 bytes, is this a trace?")
    }

    @Test("Bytes that are no text do no harm", arguments: 1...50)
    func noise(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        let lines = ["g 1 2 3\n", "1,k,1,2,3,get,0\n", "ts=5.1 gid=1 type=item_get key=a cfd=2 size=5\n"]
        var bytes = Array(String(repeating: lines[Int(seed % 3)], count: 50).utf8)
        for _ in 0..<20 { bytes[Int(random.next(below: UInt64(bytes.count)))] = UInt8(random.next(below: 256)) }
        let path = try folder.write(bytes, to: "t")

        // Any end but a crash: a trace that is whole after all, or an error that names the file.
        do {
            _ = try requests(path)
        } catch {
            #expect("\(error)".contains(path))
        }
    }

    @Test("Files that cannot be read are named")
    func files() {
        #expect(throws: WorkloadError("trace /no/such/trace cannot be opened: No such file or directory")) {
            _ = try requests("/no/such/trace")
        }
        #expect(throws: WorkloadError("trace \(folder.path) cannot be read: Is a directory")) {
            _ = try requests(folder.path)
        }
    }

    @Test("An error in the middle of a replay is told after what came before it")
    func inTheMiddle() throws {
        let path = try folder.write("g 0 0 0\ng 1 0 0\nx\n", to: "t")
        var workload = Workload()
        workload.operationCount = 2
        _ = try workload.replay(TraceReplay(path: path))
        workload.operationCount = nil
        if case .trace(var replay) = workload.origin {
            replay.requests = 0
            workload.origin = .trace(replay)
        }
        var source = try OperationSource(workload, seed: 1, thread: 0, threadCount: 1)
        var operation = Operation(kind: .get, key: 0)

        let answers = (0..<4).map { _ in source.next(&operation) }

        #expect(answers == [true, true, false, false])
        #expect(source.failure?.message.contains("line 3") == true)
    }

    @Test("Replays that make no sense are refused")
    func replays() throws {
        let path = try folder.write("g 0 0 0\n", to: "t")

        #expect(throws: WorkloadError("0 copies of a trace are none; 1 to 1024 can be played")) {
            _ = try replayed(path, copies: 0)
        }
        #expect(throws: WorkloadError("standard input can be read once only; copies of a trace need a file")) {
            _ = try replayed("-", copies: 2)
        }
        #expect(throws: WorkloadError("standard input can be read by one thread only")) {
            _ = try replayed("-", threadCount: 2)
        }
    }
}

extension String {
    func replacingOccurrences(_ text: String, with other: String) -> String {
        split(separator: text, omittingEmptySubsequences: false).joined(separator: other)
    }
}
