import CShims
import Glibc

/// The addresses that a host and a port stand for, and what a listener of either kind asks of the system about them.
struct ResolvedAddresses: ~Copyable {
    enum Transport: String {
        case tcp = "TCP"
        case udp = "UDP"

        fileprivate var socketType: __socket_type { self == .tcp ? SOCK_STREAM : SOCK_DGRAM }
    }

    private let first: UnsafeMutablePointer<addrinfo>?

    /// Looks up `host`, nil for every address of the machine. Waits for whoever knows names.
    init(_ host: String?, _ port: UInt16, _ transport: Transport) throws(StartError) {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(transport.socketType.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, String(port), &hints, &found)
        guard result == 0 else { throw Self.failure(host, port, transport, String(cString: gai_strerror(result))) }
        first = found
    }

    deinit { freeaddrinfo(first) }

    borrowing func forEach(_ body: (UnsafeMutablePointer<addrinfo>) -> Void) {
        var next = first
        while let info = next {
            next = info.pointee.ai_next
            body(info)
        }
    }

    /// A socket for such an address, which does not block and takes no IPv4 clients for IPv6; -1 with `errno` set.
    static func makeSocket(_ info: UnsafeMutablePointer<addrinfo>) -> Int32 {
        let type = info.pointee.ai_socktype | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(info.pointee.ai_family, type, info.pointee.ai_protocol)
        if descriptor >= 0, info.pointee.ai_family == AF_INET6 {
            set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1, descriptor)
        }
        return descriptor
    }

    static func set(_ level: Int32, _ option: Int32, _ value: Int32, _ descriptor: Int32) {
        var value = value
        _ = setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Where a socket is bound.
    static func bound(_ descriptor: Int32) -> sockaddr_storage {
        var bound = sockaddr_storage()
        var count = socklen_t(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutablePointer(to: &bound) { storage in
            _ = storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &count) }
        }
        return bound
    }

    /// Whether the machine has no such address, now or at all.
    static func isMissing(_ error: Int32) -> Bool { error == EADDRNOTAVAIL || error == EAFNOSUPPORT }

    static func failure(_ host: String?, _ port: UInt16, _ transport: Transport, _ reason: String) -> StartError {
        StartError(
            "failed to listen on \(transport.rawValue) port \(port) of \(host ?? "all addresses"): \(reason)",
            status: ExitStatus.system)
    }
}
