import Glibc

/// Where a server listens, and how one comes to it.
struct Endpoint: Sendable {
    private enum Place {
        case path(String)
        case port(UInt16)
    }

    private let place: Place
    /// The address that connections come from; nil for the system's choice, which is 127.0.0.1.
    private var source: UInt32?
    /// A name, a blank and a password, with which each connection logs in first.
    var login: String?

    private init(_ place: Place) { self.place = place }

    /// A Unix socket.
    static func path(_ path: String) -> Endpoint { Endpoint(.path(path)) }

    /// A port of this machine.
    static func port(_ port: UInt16) -> Endpoint { Endpoint(.port(port)) }

    /// The same for connections from 127.0.0.`number`, which do not log in.
    func from(_ number: UInt8) -> Endpoint {
        var other = Endpoint(place)
        other.source = Self.thisMachine + UInt32(number) - 1
        return other
    }

    private static let thisMachine: UInt32 = 0x7F00_0001

    /// A port that nobody has now. Somebody may take it before the server does, which then does not start.
    static func freePort(_ kind: __socket_type = SOCK_STREAM) throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
        defer { close(descriptor) }
        var address = address(thisMachine, 0)
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
    func connect(patienceSeconds: Int, kind: __socket_type = SOCK_STREAM) throws -> Int32 {
        let family =
            switch place {
            case .path: AF_UNIX
            case .port: AF_INET
            }
        let descriptor = socket(family, Int32(kind.rawValue), 0)
        guard descriptor >= 0 else { throw Exhaustion.Finding(description: "no socket: \(Self.reason)") }
        var patience = timeval(tv_sec: patienceSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        do {
            try takeSource(descriptor)
            guard connect(descriptor) == 0 else {
                throw Exhaustion.Finding(description: "cannot connect: \(Self.reason)")
            }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private func takeSource(_ descriptor: Int32) throws {
        guard let source else { return }
        var address = Self.address(source, 0)
        if Self.with(&address, { bind(descriptor, $0, $1) }) == 0 { return }
        if errno == EADDRNOTAVAIL {
            throw Exhaustion.Skipped(description: "this machine has no other address than 127.0.0.1 for itself")
        }
        throw Exhaustion.Finding(description: "cannot connect from another address: \(Self.reason)")
    }

    private func connect(_ descriptor: Int32) -> Int32 {
        switch place {
        case .path(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            return Self.with(&address) { Glibc.connect(descriptor, $0, $1) }
        case .port(let port):
            var address = Self.address(Self.thisMachine, port)
            var isOn: Int32 = 1
            setsockopt(
                descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
            return Self.with(&address) { Glibc.connect(descriptor, $0, $1) }
        }
    }

    private static func with<Address>(
        _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Address>.size)) }
        }
    }

    private static func address(_ host: UInt32, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = host.bigEndian
        return address
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
