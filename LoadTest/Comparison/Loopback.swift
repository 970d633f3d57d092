import Glibc
import LoadEngine

/// A few plain sockets on this machine, to find a free port and to ask whether a server is there.
package enum Loopback {
    /// How long a server may take for the answer to `version` before it is asked again.
    private static let answerMilliseconds: Int32 = 500
    /// Not inherited by what another thread starts meanwhile.
    private static let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)

    /// A port nobody listens on now. Somebody else might take it before the server does; then the server says so.
    package static func freePort() throws(ComparisonError) -> UInt16 {
        let descriptor = socket(AF_INET, kind, 0)
        defer { close(descriptor) }
        var address = inetAddress(port: 0)
        var bytes = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, bytes) == 0 ? getsockname(descriptor, address, &bytes) : -1
            }
        }
        guard descriptor >= 0, status == 0 else {
            throw .circumstances("no free port on 127.0.0.1: \(String(cString: strerror(errno)))")
        }
        return UInt16(bigEndian: address.sin_port)
    }

    /// Whether somebody at `address` answers `version` as memcached does, or refuses it as Redis does.
    static func answers(_ address: ServerAddress) -> Bool {
        let descriptor = connected(address)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let question = Array("version\r\n".utf8)
        guard send(descriptor, question, question.count, Int32(MSG_NOSIGNAL)) == question.count else {
            return false
        }
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&watched, 1, answerMilliseconds) == 1 else { return false }
        var room = [UInt8](repeating: 0, count: 256)
        let count = recv(descriptor, &room, room.count, 0)
        return ["VERSION ", "-ERR "].contains { room.prefix(max(0, count)).starts(with: Array($0.utf8)) }
    }

    /// A connection to a server on this machine, which answers or refuses at once; -1 if it does not take one.
    private static func connected(_ address: ServerAddress) -> Int32 {
        switch address.place {
        case .host(_, let port):
            let descriptor = socket(AF_INET, kind, 0)
            return connected(descriptor, inetAddress(port: port))
        case .path(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
            return connected(socket(AF_UNIX, kind, 0), address)
        }
    }

    private static func connected<Address>(_ descriptor: Int32, _ address: Address) -> Int32 {
        let status = withUnsafePointer(to: address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        if status == 0 { return descriptor }
        close(descriptor)
        return -1
    }

    private static func inetAddress(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}
