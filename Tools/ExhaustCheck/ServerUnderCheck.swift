import Foundation

/// A server in a process of its own, and what the system says of it.
final class ServerUnderCheck {
    struct State: CustomStringConvertible {
        let connections: Int
        let descriptors: Int
        let residentBytes: Int

        var description: String {
            "\(connections) connections, \(descriptors) descriptors, \(residentBytes >> 20) MB resident"
        }
    }

    /// A server that ended before it answered.
    struct NotStarted: Error, CustomStringConvertible {
        let status: Int32
        let log: String

        var description: String { "the server does not start; status \(status), its last words: \(log.suffix(300))" }
    }

    /// Where small requests go.
    let endpoint: Endpoint
    private let folder: String
    private let child = Process()
    private let guardian: Guardian

    private static let patienceSeconds = 20

    /// `prefix`: what a shell does before it becomes the server. `endpoint`: instead of a Unix socket, what
    /// `options` name. Throws when the server does not answer soon.
    init(_ program: String, _ options: [String], prefix: String = "", at endpoint: Endpoint? = nil) throws {
        var template = Array("/tmp/martlet-exhaust.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Exhaustion.Finding(description: "mkdtemp") }
        folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        self.endpoint = endpoint ?? .path("\(folder)/s")
        guardian = try Guardian(folder: folder)
        let user = getuid() == 0 ? ["-u", "root"] : []
        child.executableURL = URL(filePath: "/bin/sh")
        child.arguments =
            ["-c", "\(prefix) exec \"$@\" 2>\(folder)/log", "sh", program]
            + (endpoint == nil ? ["-s", "\(folder)/s"] : []) + user + options
        child.standardError = FileHandle.nullDevice
        try child.run()
        guardian.watch(child)
        for _ in 0..<100 * Self.patienceSeconds {
            if let peer = try? Peer(self.endpoint) {
                try peer.expect("mn\r\n", "MN\r\n")
                return
            }
            if !child.isRunning { break }
            usleep(10_000)
        }
        let hasEnded = !child.isRunning
        stop()
        throw NotStarted(status: hasEnded ? child.terminationStatus : -1, log: takeLog())
    }

    deinit {
        stop()
        _ = takeLog()
        rmdir(folder)
    }

    private func stop() {
        if child.isRunning {
            kill(child.processIdentifier, SIGTERM)
            child.waitUntilExit()
        }
        guardian.leave()
        unlink("\(folder)/s")
    }

    /// Ends it in order (SIGUSR1), calling `meanwhile` again and again until it has ended, and returns what it has
    /// written to stderr.
    func stopGracefully(_ meanwhile: () -> Void) throws -> String {
        kill(child.processIdentifier, SIGUSR1)
        let end = Peer.now + Self.patienceSeconds * 1_000_000
        while child.isRunning, Peer.now < end { meanwhile() }
        try Exhaustion.require(!child.isRunning, "SIGUSR1 has not ended the server in \(Self.patienceSeconds) s")
        try Exhaustion.require(child.terminationReason == .exit, "stopped by SIGUSR1, the server has died by a signal")
        return takeLog()
    }

    /// With which status it ends; nil if it does not within so long, or dies by a signal.
    func status(withinSeconds seconds: Int) -> Int32? {
        let end = Peer.now + seconds * 1_000_000
        while child.isRunning {
            if Peer.now >= end { return nil }
            usleep(2000)
        }
        return child.terminationReason == .exit ? child.terminationStatus : nil
    }

    /// What it has written to stderr.
    var log: String { (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? "" }

    private func takeLog() -> String {
        defer { unlink("\(folder)/log") }
        return log
    }

    var process: Int32 { child.processIdentifier }

    var isRunning: Bool { child.isRunning }

    func statistics(_ group: String = "") throws -> [String: String] {
        let peer = try Peer(endpoint)
        peer.send(group.isEmpty ? "stats\r\n" : "stats \(group)\r\n")
        var found: [String: String] = [:]
        for line in peer.receive(until: "END\r\n").split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " ", maxSplits: 2)
            if words.count == 3 { found[String(words[1])] = String(words[2]) }
        }
        return found
    }

    func statistic(_ group: String, _ name: String) throws -> Int? { try statistics(group)[name].flatMap { Int($0) } }

    /// What is rarely used leaves memory some moments after it was: so a moment is waited between asking and looking.
    func state() throws -> State {
        let connections = (try statistic("", "curr_connections") ?? 0)
        usleep(500_000)
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count
        return State(connections: connections, descriptors: descriptors, residentBytes: memoryBytes("VmRSS"))
    }

    /// A line of the system's account of its memory: `VmRSS`, `VmHWM`, `VmSize`.
    func memoryBytes(_ name: String) -> Int {
        let text = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
    }

    /// Bounds what it may have of memory for data (`RLIMIT_DATA`), or takes the bound away. Returns false if that cannot
    /// be.
    func limitData(to bytes: Int?) -> Bool {
        let bound = bytes.map { "\($0)" } ?? "unlimited"
        return system("prlimit --pid \(process) --data=\(bound): >/dev/null 2>&1") == 0
    }

    /// `VmHWM` is from now on the most that was resident since now. Where the system does not do it, it stays that
    /// since the start, which is more.
    func forgetPeak() { try? "5".write(toFile: "/proc/\(process)/clear_refs", atomically: false, encoding: .utf8) }

    /// What the server has used of the processors so far.
    var processorMicroseconds: Int {
        let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
        let words = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard words.count > 12, let user = Int(words[11]), let system = Int(words[12]) else { return 0 }
        return (user + system) * 1_000_000 / sysconf(Int32(_SC_CLK_TCK))
    }

    /// The machine's load: an average over a minute.
    static var machineLoad: Double {
        let text = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
        return text.split(separator: " ").first.flatMap { Double($0) } ?? 0
    }

    /// The state, once it is as `before`, but for so much memory, or after some seconds.
    func settled(_ before: State, grace bytes: Int) throws -> State {
        var state = try self.state()
        for _ in 0..<2 * Self.patienceSeconds {
            if state.connections <= before.connections, state.descriptors <= before.descriptors,
                state.residentBytes <= before.residentBytes + bytes
            {
                break
            }
            state = try self.state()
        }
        return state
    }

    func await(_ name: String, atLeast count: Int) throws {
        for _ in 0..<10 * Self.patienceSeconds {
            if try statistic("", name) ?? 0 >= count { return }
            usleep(100_000)
        }
        throw Exhaustion.Finding(description: "\(name) does not come to \(count)")
    }
}
