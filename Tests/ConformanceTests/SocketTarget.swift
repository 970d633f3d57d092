import Glibc

/// A server at the other end of a socket: any, or one in this process.
final class SocketTarget: ConformanceTarget {
    /// Where a server listens.
    enum Address: Sendable {
        case path(String)
        case tcp(host: String, port: String)

        /// `unix:path` or `host:port`.
        init?(_ text: String) {
            if text.hasPrefix("unix:") {
                self = .path(String(text.dropFirst(5)))
            } else if let colon = text.lastIndex(of: ":") {
                self = .tcp(host: String(text[..<colon]), port: String(text[text.index(after: colon)...]))
            } else {
                return nil
            }
        }
    }

    struct Failure: Error { let call: String, error: Int32 }

    /// How long to wait for an answer before it counts as missing.
    static let answerMilliseconds: Int32 = 60_000

    let address: Address
    private(set) var flavour = ServerFlavour.martlet
    private var descriptors: [String: Int32] = [:]
    /// What came while we were sending.
    private var early: [String: [UInt8]] = [:]

    init(_ address: Address) throws {
        self.address = address
        let version = try ask("version", until: "\r\n").split { $0 == " " || $0.isNewline }
        flavour = ServerFlavour(version: version.count == 2 ? String(version[1]) : "")
    }

    deinit { for name in Array(descriptors.keys) { close(name) } }

    func open(_ connection: String) throws {
        close(connection)
        descriptors[connection] =
            switch address {
            case .path(let path): try Self.connect(path: path)
            case .tcp(let host, let port): try Self.connect(host: host, port: port)
            }
    }

    func close(_ connection: String) {
        early[connection] = nil
        if let descriptor = descriptors.removeValue(forKey: connection) { _ = Glibc.close(descriptor) }
    }

    func send(_ bytes: [UInt8], on connection: String) throws {
        guard let descriptor = descriptors[connection] else { return }
        var sent = 0
        while sent < bytes.count {
            guard Self.isReady(descriptor, POLLIN | POLLOUT, Self.answerMilliseconds) else {
                throw Failure(call: "send", error: EAGAIN)
            }
            // The server may be waiting for us to take its answers before it reads on.
            if !Self.isReady(descriptor, POLLOUT, 0) {
                guard let bytes = Self.read(descriptor) else { return }
                early[connection, default: []] += bytes
                continue
            }
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress.unsafelyUnwrapped + sent, bytes.count - sent,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            // Closed at the other end: what it answered before is still to be read.
            if count < 0 { return }
            sent += count
        }
    }

    func receive(on connection: String) throws -> [UInt8]? {
        if let bytes = early.removeValue(forKey: connection) { return bytes }
        guard let descriptor = descriptors[connection],
            Self.isReady(descriptor, POLLIN, Self.answerMilliseconds)
        else { return nil }
        return Self.read(descriptor)
    }

    private static func read(_ descriptor: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? Array(bytes[..<count]) : nil
    }

    func isClosed(_ connection: String) -> Bool {
        guard let descriptor = descriptors[connection] else { return true }
        var byte: UInt8 = 0
        guard Self.isReady(descriptor, POLLIN, Self.answerMilliseconds) else { return false }
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) <= 0
    }

    /// `debugtime`, which only servers built or started for tests know.
    func advance(seconds: UInt32) throws -> Bool {
        let before = try statistics()["time"] ?? 0
        guard try ask("debugtime \(seconds)", until: "\r\n") == "OK\r\n" else { return false }
        // memcached overshoots until its next tick.
        for _ in 0..<500 {
            let passed = (try statistics()["time"] ?? 0) - before
            if passed >= Int(seconds), passed <= Int(seconds) + 2 { return true }
            usleep(10_000)
        }
        return false
    }

    // MARK: Sockets

    private static func isReady(_ descriptor: Int32, _ event: Int32, _ milliseconds: Int32) -> Bool {
        var wanted = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        return poll(&wanted, 1, milliseconds) > 0
    }

    private static func connect(path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw failed("connect", descriptor) }
        return descriptor
    }

    private static func connect(host: String, port: String) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, port, &hints, &found) == 0, let found else {
            throw Failure(call: "getaddrinfo", error: errno)
        }
        defer { freeaddrinfo(found) }
        let type = found.pointee.ai_socktype | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(found.pointee.ai_family, type, 0)
        guard Glibc.connect(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else {
            throw failed("connect", descriptor)
        }
        return descriptor
    }

    private static func failed(_ call: String, _ descriptor: Int32) -> Failure {
        let failure = Failure(call: call, error: errno)
        _ = Glibc.close(descriptor)
        return failure
    }
}
