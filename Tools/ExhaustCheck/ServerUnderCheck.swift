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

    let path: String
    private let folder: String
    private let child = Process()

    private static let patienceSeconds = 20

    /// `prefix`: what a shell does before it becomes the server. Throws when the server does not answer soon.
    init(_ program: String, _ options: [String], prefix: String) throws {
        var template = Array("/tmp/martlet-exhaust.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Exhaustion.Finding(description: "mkdtemp") }
        folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        path = "\(folder)/s"
        let user = getuid() == 0 ? ["-u", "root"] : []
        child.executableURL = URL(filePath: "/bin/sh")
        child.arguments =
            ["-c", "\(prefix) exec \"$@\"", "sh", program, "-s", path] + user + options
        child.standardError = FileHandle.nullDevice
        try child.run()
        for _ in 0..<100 * Self.patienceSeconds {
            if let peer = try? Peer(path) {
                try peer.expect("mn\r\n", "MN\r\n")
                return
            }
            if !child.isRunning { break }
            usleep(10_000)
        }
        stop()
        throw Exhaustion.Finding(description: "the server does not start")
    }

    convenience init(_ program: String, _ options: [String]) throws {
        try self.init(program, options, prefix: "")
    }

    deinit { stop() }

    private func stop() {
        if child.isRunning {
            kill(child.processIdentifier, SIGTERM)
            child.waitUntilExit()
        }
        unlink(path)
        rmdir(folder)
    }

    var process: Int32 { child.processIdentifier }
    var isRunning: Bool { child.isRunning }

    // MARK: Looking

    func statistics(_ group: String = "") throws -> [String: String] {
        let peer = try Peer(path)
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
        let text = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("VmRSS:") }
        let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return State(connections: connections, descriptors: descriptors, residentBytes: kilobytes << 10)
    }

    /// What the server has used of the processors so far.
    var processorMicroseconds: Int {
        let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
        let words = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard words.count > 12, let user = Int(words[11]), let system = Int(words[12]) else { return 0 }
        return (user + system) * 1_000_000 / sysconf(Int32(_SC_CLK_TCK))
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
