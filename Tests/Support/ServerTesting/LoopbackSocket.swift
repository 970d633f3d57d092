import Glibc

/// A TCP socket at a free port of the loopback. Whoever makes it closes it.
package struct LoopbackSocket {
    package let descriptor: Int32
    package let port: UInt16

    /// Listens if there is a `backlog`; otherwise it only keeps the port.
    package init(backlog: Int32? = nil, flags: __socket_type = SOCK_CLOEXEC) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | flags.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = descriptor
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(bound, $0, length) | (backlog.map { listen(bound, $0) } ?? 0) | getsockname(bound, $0, &length)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        guard result == 0 else {
            let error = errno
            close(bound)
            throw TestClient.Failure(call: "bind", error: error)
        }
    }
}
