import Glibc

/// Where a server listens.
enum Endpoint: Sendable {
    /// A Unix socket.
    case path(String)
    /// A port of this machine, TCP.
    case port(UInt16)

    /// A port that nobody has now. Somebody may take it before the server does, which then does not start.
    static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(0)
        var bytes = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isFound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, bytes) == 0 && getsockname(descriptor, $0, &bytes) == 0
            }
        }
        guard isFound else { throw Exhaustion.Finding(description: "no port is free: \(reason)") }
        return UInt16(bigEndian: address.sin_port)
    }

    /// A connection; its descriptor.
    func connect(patienceSeconds: Int) throws -> Int32 {
        let family =
            switch self {
            case .path: AF_UNIX
            case .port: AF_INET
            }
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Exhaustion.Finding(description: "no socket: \(Self.reason)") }
        var patience = timeval(tv_sec: patienceSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        guard connect(descriptor) == 0 else {
            let reason = Self.reason
            close(descriptor)
            throw Exhaustion.Finding(description: "cannot connect: \(reason)")
        }
        return descriptor
    }

    private func connect(_ descriptor: Int32) -> Int32 {
        switch self {
        case .path(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            return Self.connect(descriptor, &address)
        case .port(let port):
            var address = Self.loopback(port)
            var isOn: Int32 = 1
            setsockopt(
                descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
            return Self.connect(descriptor, &address)
        }
    }

    private static func connect<Address>(_ descriptor: Int32, _ address: inout Address) -> Int32 {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
