import Foundation

extension Exhaustion {
    /// Each kind of system call fails now and then, with each error that it may have and some that it has not, while four
    /// connections store, read and come anew: strace makes the kernel's answers.
    ///
    /// Whoever is hit may be told so or closed. No answer may be wrong or missing, and when the failures are over the
    /// server serves everybody, and ends in order when told to.
    static func failingCalls(_ program: String) throws -> String {
        guard system("command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null") == 0 else {
            throw Skipped(description: "no strace, or it may not trace")
        }
        var (failureCount, doneCount, caseCount) = (0, 0, 0)
        for (calls, errors) in failures {
            for call in calls.split(separator: " ") {
                for error in errors.split(separator: " ") {
                    let trial = try FailingCalls(program, String(call), String(error))
                    let done = try trial.run()
                    failureCount += trial.failureCount
                    doneCount += done
                    caseCount += 1
                }
            }
        }
        try require(failureCount > 10 * caseCount, "only \(failureCount) calls failed: no trial")
        return "\(caseCount) kinds of failure, \(failureCount) calls failed; \(doneCount) requests answered meanwhile, "
            + "none wrongly; each time all is served afterwards"
    }

    private static let failures = [
        ("recvfrom readv", "EINTR EAGAIN ECONNRESET ETIMEDOUT ENOMEM"),
        ("sendto sendmsg", "EINTR EAGAIN EPIPE ECONNRESET ENOBUFS ENOMEM"), ("read write", "EINTR EAGAIN EIO"),
        ("accept4", "EINTR EMFILE ENFILE ENOBUFS ENOMEM ECONNABORTED EPROTO EPERM ENETDOWN"),
        ("epoll_wait", "EINTR"), ("epoll_ctl", "ENOMEM ENOSPC"), ("madvise", "ENOMEM EAGAIN EINVAL"),
        ("close", "EINTR EIO"), ("getrusage", "EPERM"),
    ]
}

/// A server of which every fifth call of a kind fails, from the fortieth of a thread to the two thousandth.
private final class FailingCalls {
    private let name: String
    private let server: ServerUnderCheck
    private let trace: String
    private let process: pid_t
    private var peers: [Peer]
    private var number: UInt64 = 1
    private var doneCount = 0
    /// How many calls have failed. When `run` has ended.
    private(set) var failureCount = 0

    private static let peerCount = 4
    private static let keyCount = 50
    private static let lengths = [10, 300, 3000, 60_000]
    private static let trialMicroseconds = 700_000

    init(_ program: String, _ call: String, _ error: String) throws {
        name = "\(call) with \(error)"
        var template = Array("/tmp/martlet-exhaust.XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw Exhaustion.Finding(description: "mkstemp") }
        close(descriptor)
        trace = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        let strace =
            "exec strace -f -qq -o \(trace) -e trace=\(call) -e signal=none "
            + "-e inject=\(call):error=\(error):when=40..2000+5 \"$@\" 2>/dev/null;"
        server = try ServerUnderCheck(program, ["-m", "64", "-t", "2"], prefix: strace)
        guard let process = try server.statistic("", "pid") else { throw Exhaustion.Finding(description: "no pid") }
        self.process = pid_t(process)
        peers = try (0..<Self.peerCount).map { [server] _ in try Peer(server.endpoint) }
    }

    deinit {
        // strace would leave it running.
        if server.isRunning { kill(process, SIGKILL) }
        unlink(trace)
    }

    /// Returns how many requests were answered.
    func run() throws -> Int {
        let end = Peer.now + Self.trialMicroseconds
        while Peer.now < end {
            for index in peers.indices where try !ask(peers[index]) {
                // Too many of a kind of failure may keep even newcomers out.
                if let peer = try? Peer(server.endpoint) { peers[index] = peer }
            }
        }
        peers = []
        try require(isServed(), "afterwards nobody is served")
        try require(finish() == 0, "told to end, it does not, or not in order")
        let told = (try? String(contentsOfFile: trace, encoding: .utf8)) ?? ""
        failureCount = told.split(whereSeparator: \.isNewline).count { $0.hasSuffix("(INJECTED)") }
        return doneCount
    }

    /// Its status. Told again each second: a signal is passed on by a call that may fail, too.
    private func finish() -> Int32? {
        for _ in 0..<10 where server.isRunning {
            kill(process, SIGTERM)
            if let status = server.status(withinSeconds: 1) { return status }
        }
        return nil
    }

    private func require(_ isRight: Bool, _ what: @autoclosure () -> String) throws {
        try Exhaustion.require(isRight, "\(name): \(what())")
    }

    /// Those that fail by number may still come for a while.
    private func isServed() -> Bool {
        for _ in 0..<1000 {
            guard let peer = try? Peer(server.endpoint) else { continue }
            peer.send("set last 0 0 2\r\nok\r\nget last\r\n")
            if peer.receive(until: "END\r\n") == "STORED\r\nVALUE last 0 2\r\nok\r\nEND\r\n" { return true }
        }
        return false
    }

    /// One request or several. False if the connection is of no use any more.
    private func ask(_ peer: Peer) throws -> Bool {
        number = number &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let random = number >> 33
        let key = "k\(random % UInt64(Self.keyCount))"
        switch random >> 8 % 8 {
        case 0: return false
        case ..<4:
            let length = Self.lengths[Int(random >> 12) % Self.lengths.count]
            let value = key + ":" + String(repeating: "x", count: length) + "!"
            peer.send("set \(key) 0 0 \(value.utf8.count)\r\n\(value)\r\n")
            return try isAnswered(peer, "\r\n") { $0 == "STORED\r\n" }
        case 4:
            peer.send("stats\r\n")
            return try isAnswered(peer, "END\r\n") { $0.hasPrefix("STAT ") }
        default:
            let count = 1 + Int(random >> 12) % 5
            peer.send(String(repeating: "get \(key)\r\n", count: count))
            for _ in 0..<count {
                let isRight = try isAnswered(peer, "END\r\n") { reply in
                    reply == "END\r\n"
                        || reply.hasPrefix("VALUE \(key) 0 ") && reply.contains("\r\n\(key):")
                            && reply.hasSuffix("!\r\nEND\r\n")
                }
                if !isRight { return false }
            }
            return true
        }
    }

    /// An answer that has not come to its end belongs to a connection that the server has closed; a word about too many
    /// of them stands before its end. A refusal for want of memory is an answer.
    private func isAnswered(_ peer: Peer, _ end: String, _ isRight: (String) -> Bool) throws -> Bool {
        let reply = peer.receive(until: end)
        if reply.hasPrefix("ERROR Too many open connections") { return false }
        guard reply.hasSuffix(end) else {
            try require(peer.hasAnswer(withinMilliseconds: 0), "no answer, and no end of the connection")
            return false
        }
        if reply.hasPrefix("SERVER_ERROR out of memory") { return false }
        try require(isRight(reply), "a wrong answer: \(reply.prefix(100).debugDescription)")
        doneCount += 1
        return true
    }
}
