import CShims
import Foundation
import LoadEngine
import LoadReport

/// One run of `martlet-load run` in a process of its own, on cores of its own, while faults happen to the servers.
///
/// A process, not a call: what is measured is what a user would measure who typed the same line, a driver that hangs or
/// crashes costs a run and not the comparison, and its memory starts empty each time.
struct DriverRun {
    /// The program, with `run` as its first argument.
    let program: String
    let cores: CoreSet?
    let options: CommandWords
    let label: String
    let servers: [StartedServer]
    let faults: [Fault]
    let secondsMax: Double

    /// Runs it to its end. `progress` hears what the driver says about where it is, line by line.
    ///
    /// Throws when the driver or a server fails, when the driver takes too long, and when a signal came; the driver is
    /// gone by then.
    func run(progress: (String) -> Void) throws(ComparisonError) -> RunResult {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(
            "martlet-load-\(UUID().uuidString).json")
        Guardian.shared.watch(path: file.path)
        defer {
            try? FileManager.default.removeItem(at: file)
            Guardian.shared.forget(path: file.path)
        }
        let words = CommandWords([program, "run"] + arguments(file.path))
        var ends: [Int32] = [-1, -1]
        guard cshims_pipe(&ends) == 0 else {
            throw .circumstances("the system gives no pipe: \(String(cString: strerror(errno)))")
        }
        defer { close(ends[0]) }
        let child: ChildProcess
        do {
            defer { close(ends[1]) }
            child = try ChildProcess(words, cores: cores, output: .errors(ends[1]))
        }
        defer { child.stop() }
        var watch = DriverWatch(descriptor: ends[0], faults: faults, deadline: Clock.seconds() + secondsMax)
        try watch.follow(servers: servers, progress: progress)
        child.waitForEnd()
        guard var result = try? ResultFile(path: file.path).runs.first else {
            let ending = child.ending.map(\.description) ?? "is gone"
            throw .circumstances("'\(words.text)' \(ending): \(watch.lastWords)")
        }
        for server in servers { try server.check() }
        if !watch.done.isEmpty {
            result.marks = watch.done.map {
                TimelineMark(second: $0.wallSeconds - result.startedAt, words: $0.fault.description)
            }
        }
        return result
    }

    private func arguments(_ file: String) -> [String] {
        var words = options.words
        for server in servers { words += ["--server", server.address.description] }
        // All of them or none: they are matched by their order.
        let numbers = servers.compactMap(\.number)
        if numbers.count == servers.count { words += numbers.flatMap { ["--server-pid", "\($0)"] } }
        return words + ["--label", label, "--json", file]
    }
}

/// Reads what the driver says while it runs, and does the faults when their time comes.
struct DriverWatch {
    let descriptor: Int32
    private var faults: ArraySlice<Fault>
    private let deadline: Double
    /// When measuring began, on `Clock`; nil before.
    private var measuringSince: Double?
    private var unread: [UInt8] = []
    private var lines: [String] = []
    private(set) var done: [(fault: Fault, wallSeconds: Double)] = []

    /// As many lines are kept for an error's sake.
    private static let linesMax = 5

    init(descriptor: Int32, faults: [Fault], deadline: Double) {
        self.descriptor = descriptor
        self.faults = faults[...]
        self.deadline = deadline
    }

    var lastWords: String { lines.isEmpty ? "without a word" : lines.joined(separator: " / ") }

    /// Returns when the driver has closed its standard error.
    mutating func follow(servers: [StartedServer], progress: (String) -> Void) throws(ComparisonError) {
        while true {
            let now = Clock.seconds()
            guard now < deadline else { throw .circumstances("the driver does not come to an end; last: \(lastWords)") }
            var until = deadline
            if let fault = faults.first, let measuringSince {
                until = min(until, measuringSince + fault.second)
                if until <= now {
                    faults.removeFirst()
                    done.append((fault, Clock.wallSeconds()))
                    try Self.apply(fault, to: servers[fault.server])
                    continue
                }
            }
            guard try StopSignal.wait(descriptor, seconds: until - now) else { continue }
            guard read(progress) else { return }
        }
    }

    private static func apply(_ fault: Fault, to server: StartedServer) throws(ComparisonError) {
        switch fault.action {
        case .stop: server.stop()
        case .kill: server.end()
        case .pause: server.pause()
        case .resume: server.resume()
        case .start: try server.start()
        }
    }

    /// False at the end.
    private mutating func read(_ progress: (String) -> Void) -> Bool {
        var room = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &room, room.count)
        guard count > 0 else { return count < 0 && errno == EINTR }
        unread += room[..<count]
        while let end = unread.firstIndex(of: 10) {
            let line = String(decoding: unread[..<end], as: UTF8.self)
            unread.removeSubrange(...end)
            lines = (lines + [line]).suffix(Self.linesMax)
            if measuringSince == nil, let second = LiveLine.measuredSeconds(line) {
                measuringSince = Clock.seconds() - second
            }
            progress(line)
        }
        return true
    }
}
