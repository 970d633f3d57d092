import Glibc

/// Where a connection comes from, as accept reported it, in 20 bytes: `stats conns` and the log need no system call.
package struct PeerAddress: BitwiseCopyable {
    @frozen
    package enum Family: UInt8, BitwiseCopyable {
        /// A Unix socket; it has no address worth telling.
        case local, ipv4, ipv6
    }

    package private(set) var family = Family.local
    package private(set) var port: UInt16 = 0
    /// In network order; an IPv4 address uses the first four bytes.
    private var address: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)

    package init(_ storage: UnsafePointer<sockaddr_storage>) {
        let raw = UnsafeRawPointer(storage)
        switch Int32(storage.pointee.ss_family) {
        case AF_INET:
            let inet = raw.loadUnaligned(as: sockaddr_in.self)
            family = .ipv4
            port = UInt16(bigEndian: inet.sin_port)
            address.0 = inet.sin_addr.s_addr
        case AF_INET6:
            let inet = raw.loadUnaligned(as: sockaddr_in6.self)
            family = .ipv6
            port = UInt16(bigEndian: inet.sin6_port)
            withUnsafeBytes(of: inet.sin6_addr) {
                address = $0.loadUnaligned(as: (UInt32, UInt32, UInt32, UInt32).self)
            }
        default:
            break
        }
    }

    package init() {}

    /// Whose address it is: all of an IPv4 address, also where it comes as one of IPv6, the first half of an IPv6 one;
    /// nil for a Unix socket.
    package var network: UInt64? {
        switch family {
        case .local: nil
        case .ipv4: UInt64(address.0)
        case .ipv6:
            address.0 == 0 && address.1 == 0 && address.2 == UInt32(0xffff).bigEndian
                ? UInt64(address.3) : UInt64(address.0) << 32 | UInt64(address.1)
        }
    }

    /// `192.0.2.1`, `::1`, or nil for a Unix socket.
    package var hostName: String? {
        switch family {
        case .local: nil
        case .ipv4: host(AF_INET)
        case .ipv6: host(AF_INET6)
        }
    }

    /// `tcp:192.0.2.1:4000`, `tcp6:[::1]:4000`, or nil for a Unix socket.
    package var name: String? {
        switch family {
        case .local: nil
        case .ipv4: "tcp:\(host(AF_INET)):\(port)"
        case .ipv6: "tcp6:[\(host(AF_INET6))]:\(port)"
        }
    }

    private func host(_ family: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            withUnsafeBytes(of: address) { bytes in
                guard inet_ntop(family, bytes.baseAddress, text.baseAddress, socklen_t(text.count)) != nil else {
                    return "?"
                }
                return String(cString: text.baseAddress.unsafelyUnwrapped)
            }
        }
    }
}
