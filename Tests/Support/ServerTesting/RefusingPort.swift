import Glibc

/// A port of the loopback at which nobody listens, and nobody can while this is there: who connects is refused.
///
/// The port of a server that has stopped is anybody's: another test may have it at any moment.
package final class RefusingPort {
    package let port: UInt16
    private let descriptor: Int32

    package init() throws {
        let bound = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(bound, $0, length) | getsockname(bound, $0, &length)
            }
        }
        descriptor = bound
        port = UInt16(bigEndian: address.sin_port)
        guard result == 0 else { throw TestClient.Failure(call: "bind", error: errno) }
    }

    deinit { close(descriptor) }

    package var address: String { "127.0.0.1:\(port)" }
}
