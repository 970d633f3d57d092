import Glibc

/// A connection to the server, blocking, with ten seconds of patience.
final class Peer: @unchecked Sendable {
    // Sendable: used by one thread at a time.

    /// What became of waiting for a line.
    enum Answer: Equatable {
        case line(String)
        /// The server has closed the connection without a line.
        case closed
        /// Neither, for as long as patience lasts.
        case silent
    }

    private let descriptor: Int32
    private static let patienceSeconds = 10
    private static let noSignal = Int32(MSG_NOSIGNAL)
    private static let atOnce = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)

    /// How many this process may have.
    static var countMax: Int {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(files, &limit) == 0 else { return 1000 }
        limit.rlim_cur = limit.rlim_max
        setrlimit(files, &limit)
        getrlimit(files, &limit)
        return Int(clamping: limit.rlim_cur)
    }

    /// Logs in where the endpoint says how.
    init(_ endpoint: Endpoint) throws {
        descriptor = try endpoint.connect(patienceSeconds: Self.patienceSeconds)
        guard let login = endpoint.login else { return }
        send(login: login)
        try expect("", "STORED\r\n")
    }

    deinit { close(descriptor) }

    // MARK: Sending

    /// A name, a blank and a password.
    func send(login: String) { send("set login 0 0 \(login.utf8.count)\r\n\(login)\r\n") }

    /// Sends what goes; a connection that the server has closed takes nothing.
    func send(_ bytes: [UInt8]) { _ = send(bytes[...], flags: Self.noSignal) }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends what the server takes, until it has taken nothing for so long. Returns how much that was.
    func send(_ bytes: [UInt8], patienceMilliseconds: Int32) -> Int {
        var sent = 0
        var isStuck = false
        while sent < bytes.count {
            let count = send(bytes[sent...], flags: Self.atOnce)
            sent += count
            // Who has been closed is always ready.
            if sent == bytes.count || isStuck && count == 0 { break }
            isStuck = count == 0
            guard isReady(Int16(POLLOUT), patienceMilliseconds: patienceMilliseconds) else { break }
        }
        return sent
    }

    /// One byte more, if there is room for it now.
    func drip() { _ = send([0x78][...], flags: Self.atOnce) }

    private func send(_ bytes: ArraySlice<UInt8>, flags: Int32) -> Int {
        bytes.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = Glibc.send(descriptor, bytes.baseAddress! + sent, bytes.count - sent, flags)
                if count <= 0 { break }
                sent += count
            }
            return sent
        }
    }

    /// Sends nothing more, and still reads.
    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Leaves by a reset (TCP) rather than an end.
    func leaveAbruptly() {
        var atOnce = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &atOnce, socklen_t(MemoryLayout<linger>.size))
    }

    // MARK: Receiving

    /// Whether something, or the end, is there to be read within so long.
    func hasAnswer(withinMilliseconds patience: Int32) -> Bool {
        isReady(Int16(POLLIN), patienceMilliseconds: patience)
    }

    /// What has come so far; nil when nothing has, and nothing but "" once the connection has ended.
    func takeArrived() -> String? {
        var room = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &room, room.count, Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN { return nil }
        return String(decoding: room.prefix(max(count, 0)), as: UTF8.self)
    }

    private func isReady(_ events: Int16, patienceMilliseconds: Int32) -> Bool {
        var wanted = pollfd(fd: descriptor, events: events, revents: 0)
        return poll(&wanted, 1, patienceMilliseconds) == 1
    }

    /// The next line, with its end.
    func answer() -> Answer {
        let line = receive(until: "\r\n")
        if line.hasSuffix("\r\n") { return .line(line) }
        return hasAnswer(withinMilliseconds: 0) ? .closed : .silent
    }

    /// What comes up to and with `end`; less when the connection ends or nothing comes.
    func receive(until end: String) -> String {
        let end = Array(end.utf8)
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let seen = recv(descriptor, &room, room.count, Int32(MSG_PEEK))
            if seen <= 0 { break }
            let looked = max(bytes.count - end.count + 1, 0)
            let known = bytes.count
            bytes += room[..<seen]
            let found = bytes[looked...].firstRange(of: end)?.upperBound
            // What stands behind is for whoever asks next.
            recv(descriptor, &room, (found ?? bytes.count) - known, 0)
            guard let found else { continue }
            bytes.removeSubrange(found...)
            break
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Asks, and takes the first line of the answer, which must be `line`.
    func expect(_ text: String, _ line: String) throws {
        send(text)
        let reply = receive(until: "\r\n")
        let question = text.prefix(40).debugDescription
        if reply != line { throw Exhaustion.Finding(description: "\(question) was answered \(reply.debugDescription)") }
    }

    /// Reads away a whole answer that ends with `end`; false if it does not come.
    func skip(to end: String) -> Bool {
        let end = Array(end.utf8)
        var tail: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(descriptor, &room, room.count, 0)
            if count <= 0 { return false }
            tail = (tail + room.prefix(count)).suffix(end.count)
            if tail == end { return true }
        }
    }

    /// Microseconds of a clock that only goes forward.
    static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}
