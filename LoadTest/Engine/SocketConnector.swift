import Glibc

/// Makes connected, non-blocking sockets, within a time limit.
package struct SocketConnector: Sendable {
    package let address: ServerAddress
    private var candidates: [Endpoint]

    /// For `send`: a broken connection is told by the call, not by SIGPIPE. (MSG_NOSIGNAL is an enum here and a macro
    /// there.)
    package static let noSignal: Int32 = 0x4000

    /// One address of the kernel's, in the form it wants.
    private struct Endpoint: Sendable {
        var family: Int32
        var bytes: [UInt8]
    }

    /// Looks the host up. Throws when it does not exist.
    package init(_ address: ServerAddress) throws(LoadError) {
        self.address = address
        switch address.place {
        case .path(let path): candidates = [Self.endpoint(path: path)]
        case .host(let host, let port): candidates = try Self.lookUp(host, port)
        }
    }

    private static func endpoint(path: String) -> Endpoint {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
        return Endpoint(family: AF_UNIX, bytes: withUnsafeBytes(of: &name) { Array($0) })
    }

    private static func lookUp(_ host: String, _ port: UInt16) throws(LoadError) -> [Endpoint] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else {
            throw .circumstances("The host '\(host)' cannot be found: \(String(cString: gai_strerror(status))).")
        }
        defer { freeaddrinfo(list) }
        var endpoints: [Endpoint] = []
        var next = list
        while let information = next {
            let bytes = UnsafeRawBufferPointer(
                start: information.pointee.ai_addr, count: Int(information.pointee.ai_addrlen))
            endpoints.append(Endpoint(family: information.pointee.ai_family, bytes: Array(bytes)))
            next = information.pointee.ai_next
        }
        return endpoints
    }

    /// A connected socket; tries each address of the host and remembers the one that answers. Throws when none answers
    /// within `seconds`.
    package mutating func settle(seconds: Double) throws(LoadError) -> Int32 {
        var failure = LoadError.circumstances("The host of \(address) has no address.")
        for endpoint in candidates {
            do {
                let descriptor = try connect(endpoint, seconds: seconds)
                candidates = [endpoint]
                return descriptor
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// A connected socket, to the address that answered before. Throws when it does not within `seconds`.
    package func connect(seconds: Double) throws(LoadError) -> Int32 { try connect(candidates[0], seconds: seconds) }

    private func connect(_ endpoint: Endpoint, seconds: Double) throws(LoadError) -> Int32 {
        let deadline = MonotonicTime.now() + UInt64(seconds * 1e9)
        var (descriptor, reason) = begin(endpoint)
        // A Unix socket whose queue is full says so at once.
        while descriptor < 0, reason == EAGAIN, MonotonicTime.now() < deadline {
            usleep(1000)
            (descriptor, reason) = begin(endpoint)
        }
        if descriptor >= 0 {
            if reason != 0 { reason = Self.awaitConnected(descriptor, until: deadline) }
            if reason == 0 { return descriptor }
            close(descriptor)
        }
        let timedOut = reason == ETIMEDOUT || reason == EAGAIN
        let explanation = timedOut ? "no answer within \(seconds) s" : String(cString: strerror(reason))
        throw .circumstances("Cannot connect to \(address): \(explanation).")
    }

    /// A socket whose connection is under way: watch for writability, then ask `outcome`. -1 when the kernel gives
    /// none.
    func begin() -> Int32 { begin(candidates[0]).descriptor }

    /// 0 when the connection stands, otherwise why it does not.
    static func outcome(_ descriptor: Int32) -> Int32 {
        var error: Int32 = 0
        var bytes = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 ? error : errno
    }

    private func begin(_ endpoint: Endpoint) -> (descriptor: Int32, error: Int32) {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(endpoint.family, kind, 0)
        guard descriptor >= 0 else { return (-1, errno) }
        if endpoint.family != AF_UNIX {
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        let result = endpoint.bytes.withUnsafeBytes { bytes in
            // Safe: the kernel reads `count` bytes; the type is a formality.
            Glibc.connect(
                descriptor, bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: sockaddr.self),
                socklen_t(bytes.count))
        }
        if result == 0 || errno == EINPROGRESS { return (descriptor, result == 0 ? 0 : EINPROGRESS) }
        let error = errno
        close(descriptor)
        return (-1, error)
    }

    private static func awaitConnected(_ descriptor: Int32, until deadline: UInt64) -> Int32 {
        guard isReady(descriptor, POLLOUT, until: deadline) else { return ETIMEDOUT }
        return outcome(descriptor)
    }

    /// Waits until the descriptor is ready for `what`; false when the deadline comes first.
    package static func isReady(_ descriptor: Int32, _ what: Int32, until deadline: UInt64) -> Bool {
        while true {
            let now = MonotonicTime.now()
            guard now < deadline else { return false }
            var watched = pollfd(fd: descriptor, events: Int16(what), revents: 0)
            let count = poll(&watched, 1, Int32(min((deadline - now) / 1_000_000 + 1, 60_000)))
            if count > 0 { return true }
            if count < 0, errno != EINTR { return false }
        }
    }
}
