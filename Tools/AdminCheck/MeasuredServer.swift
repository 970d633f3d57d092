import Foundation

/// A server of one worker with its connections.
final class MeasuredServer {
    struct Kind {
        let name: String
        var hasEndpoint = false
        /// 0 for none.
        var scrapePauseMicroseconds = 0
    }

    let kind: Kind
    private let child = Process()
    private let port: UInt16
    private var streams: [Stream] = []
    private var scraper: Scraper?
    private var costs: [Double] = []
    private(set) var turnCount = 0
    private let since = Clock.microseconds
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)

    private static let connectionCount = 32
    private static let requestsPerTurn = 16
    private static let turns = 8
    /// All of it lies in the caches, where a request is cheapest and what is added to it the largest share.
    private static let keyCount = 1000
    private static let valueBytes = 100
    static let sliceRequests = connectionCount * requestsPerTurn * turns
    private static let patienceSeconds = 20

    init(_ program: String, _ kind: Kind, _ options: [String], _ processors: Processors) throws {
        self.kind = kind
        port = Stream.freePort()
        let adminPort = Stream.freePort()
        child.executableURL = URL(filePath: program)
        child.arguments =
            ["-l", "127.0.0.1", "-p", "\(port)", "-t", "1", "-m", "64"] + (getuid() == 0 ? ["-u", "root"] : [])
            + (kind.hasEndpoint ? ["--admin", "\(adminPort)"] : []) + options
        child.standardError = FileHandle.nullDevice
        try child.run()
        try connect()
        try fill()
        if kind.scrapePauseMicroseconds > 0 {
            scraper = Scraper(port: adminPort, pauseMicroseconds: kind.scrapePauseMicroseconds, processors)
        }
    }

    deinit {
        scraper?.stop()
        child.terminate()
        child.waitUntilExit()
        room.deallocate()
    }

    private func connect() throws {
        for _ in 0..<100 * Self.patienceSeconds {
            if let stream = try? Stream(port: port) {
                streams = try [stream] + (1..<Self.connectionCount).map { _ in try Stream(port: port) }
                return
            }
            usleep(10_000)
        }
        throw AdminCheck.Failure(description: "the server does not start")
    }

    private func fill() throws {
        let value = String(repeating: "x", count: Self.valueBytes)
        for key in 0..<Self.keyCount {
            try streams[0].send(Array("set \(Self.name(key)) 0 0 \(Self.valueBytes)\r\n\(value)\r\n".utf8))
            try streams[0].skip("STORED\r\n".utf8.count, room: room)
        }
    }

    private static func name(_ key: Int) -> String { "key:\(1_000_000 + key)" }

    // MARK: Asking

    /// Each connection's requests are sent, and then each one's replies read; some times over. Nanoseconds for each
    /// request.
    func slice() throws -> Double {
        let before = try processorNanoseconds("worker")
        for _ in 0..<Self.turns {
            for stream in streams {
                var text: [UInt8] = []
                for _ in 0..<Self.requestsPerTurn {
                    text += Array("get \(Self.name(Int.random(in: 0..<Self.keyCount)))\r\n".utf8)
                }
                try stream.send(text)
            }
            let replyBytes = "VALUE \(Self.name(0)) 0 \(Self.valueBytes)\r\n\r\nEND\r\n".utf8.count + Self.valueBytes
            turnCount += streams.count
            for stream in streams { try stream.skip(replyBytes * Self.requestsPerTurn, room: room) }
        }
        return Double(try processorNanoseconds("worker") - before) / Double(Self.sliceRequests)
    }

    func measure() throws { costs.append(try slice()) }

    /// Of all slices but the slowest twentieth, in which something else had the processor in between.
    var nanosecondsPerRequest: Double {
        let usual = costs.sorted().dropLast(costs.count / 20)
        return usual.reduce(0, +) / Double(max(usual.count, 1))
    }

    /// What the endpoint's thread has needed up to now.
    func scrapeCost() -> ScrapeCost {
        guard kind.hasEndpoint, let nanoseconds = try? processorNanoseconds("admin") else { return ScrapeCost() }
        return ScrapeCost(
            scrapes: scraper?.scrapes ?? 0, nanoseconds: nanoseconds, microseconds: Clock.microseconds - since)
    }

    /// Of the threads whose names begin so.
    private func processorNanoseconds(_ name: String) throws -> Int {
        let tasks = "/proc/\(child.processIdentifier)/task"
        if threads[name] == nil {
            threads[name] = try FileManager.default.contentsOfDirectory(atPath: tasks).filter {
                (try? String(contentsOfFile: "\(tasks)/\($0)/comm", encoding: .utf8))?.hasPrefix(name) == true
            }
        }
        return try threads[name]!.reduce(0) { sum, thread in
            let text = try String(contentsOfFile: "\(tasks)/\(thread)/schedstat", encoding: .utf8)
            return sum + (text.split(separator: " ").first.flatMap { Int($0) } ?? 0)
        }
    }

    private var threads: [String: [String]] = [:]
}
