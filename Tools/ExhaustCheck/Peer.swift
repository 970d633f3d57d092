import Glibc

/// A connection to the server's Unix socket, blocking, with ten seconds of patience.
final class Peer: @unchecked Sendable {
    // Sendable: used by one thread at a time.
    private let descriptor: Int32
    private static let patienceSeconds = 10

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

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Exhaustion.Finding(description: "no socket: \(Self.reason)") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let reason = Self.reason
            close(descriptor)
            throw Exhaustion.Finding(description: "cannot connect: \(reason)")
        }
    }

    deinit { close(descriptor) }

    private static var reason: String { String(cString: strerror(errno)) }

    /// Sends what goes; a connection that the server has closed takes nothing.
    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            sent += count
        }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// What comes up to and with `end`; less when the connection ends or nothing comes.
    func receive(until end: String) -> String {
        let end = Array(end.utf8)
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while bytes.count < end.count || bytes.suffix(end.count) != end[...] {
            if recv(descriptor, &byte, 1, 0) != 1 { break }
            bytes.append(byte)
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
