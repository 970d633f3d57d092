import CShims
import Glibc

/// Listening sockets that whoever started the process has opened for it: socket activation, as systemd does it.
///
/// 1. `LISTEN_PID` is this process; `LISTEN_FDS` says how many descriptors there are, from 3 on.
/// 2. Each must be a listening stream socket. They replace all addresses of the options.
/// 3. A Unix socket's file stays at the end: it belongs to whoever has opened it.
extension ListeningSocket {
    private static let firstDescriptor: Int32 = 3
    private static let countMax: Int32 = 64

    /// The inherited sockets; none if there are none for this process.
    static func takeInherited() throws(StartError) -> [ListeningSocket] {
        guard let process = number("LISTEN_PID"), process == getpid(), let count = number("LISTEN_FDS"), count > 0
        else {
            return []
        }
        guard count <= countMax else {
            throw StartError("LISTEN_FDS: more than \(countMax) sockets", status: ExitStatus.system)
        }
        // Neither a child nor a second server of this process is meant.
        unsetenv("LISTEN_PID")
        unsetenv("LISTEN_FDS")
        unsetenv("LISTEN_FDNAMES")
        var sockets: [ListeningSocket] = []
        for descriptor in firstDescriptor..<firstDescriptor + count { sockets.append(try inherited(descriptor)) }
        return sockets
    }

    private static func number(_ variable: String) -> Int32? { getenv(variable).flatMap { Int32(String(cString: $0)) } }

    private static func inherited(_ descriptor: Int32) throws(StartError) -> ListeningSocket {
        guard option(SO_TYPE, descriptor) == Int32(SOCK_STREAM.rawValue), option(SO_ACCEPTCONN, descriptor) == 1 else {
            throw StartError(
                "LISTEN_FDS: descriptor \(descriptor) is not a listening stream socket", status: ExitStatus.system)
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        var bound = ResolvedAddresses.bound(descriptor)
        let address = PeerAddress(&bound)
        guard let name = address.name else {
            return ListeningSocket(
                descriptor: descriptor, family: .local, port: 0, name: "unix:\(path(&bound))", path: nil, file: (0, 0))
        }
        return ListeningSocket(
            descriptor: descriptor, family: address.family == .ipv6 ? .ipv6 : .ipv4, port: address.port, name: name,
            path: nil, file: (0, 0))
    }

    private static func option(_ name: Int32, _ descriptor: Int32) -> Int32 {
        var value: Int32 = 0
        var count = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &count) == 0 ? value : -1
    }

    private static func path(_ bound: inout sockaddr_storage) -> String {
        withUnsafeBytes(of: &bound) { bytes in
            String(decoding: bytes.dropFirst(MemoryLayout<sa_family_t>.size).prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
