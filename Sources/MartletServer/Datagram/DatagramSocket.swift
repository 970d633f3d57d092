import Glibc

// UDP (`-U`): requests of one datagram, replies of as many as they take.
//
//     DatagramSocket   one per address and worker, all of an address on one port; the kernel spreads clients over them
//     DatagramPort     a worker's part: datagram in, ConnectionMachine, datagrams out
//
// Goals: what memcached answers; off unless asked for; nothing kept of anybody between two datagrams.
// Non-goals: requests of several datagrams, anything sent again, logins.

/// A bound UDP socket of one worker.
package struct DatagramSocket: Sendable {
    package let descriptor: Int32
    package let family: ListeningSocket.Family
    package let port: UInt16
    /// `udp:127.0.0.1:11211` or `udp6:[::1]:11211`.
    package let name: String
    let workerIndex: Int
    /// What its requests are taken for.
    let dialect: Dialect

    func close() { _ = Glibc.close(descriptor) }
}

extension DatagramSocket {
    /// Sockets for every address of the settings and every worker; none without `-U`.
    ///
    /// 1. The addresses are those of TCP, with the port of `-U` where they name none.
    /// 2. A first socket that shares its port with nobody finds out whether the port is free, and which one the system
    ///    picks; then each worker binds one that it shares with the others.
    /// 3. Default addresses that the machine does not have are left out.
    static func open(_ settings: ServerSettings) throws(StartError) -> [DatagramSocket] {
        var sockets: [DatagramSocket] = []
        guard settings.udpPort != 0 else { return [] }
        do throws(StartError) {
            for text in settings.effectiveListenAddresses {
                let address = try ListenAddress(parsing: text)
                let given = address.port ?? UInt16(clamping: settings.udpPort)
                let picked = given == 0 ? sockets.last?.port ?? 0 : given
                let before = sockets.count
                let dialect = try address.dialect(settings, text)
                let error = try append(address.host, picked, dialect, settings.threadCount, to: &sockets)
                let isLeftOut =
                    ResolvedAddresses.isMissing(error)
                    && (sockets.count > before || settings.listenAddresses.isEmpty)
                if error != 0, !isLeftOut || sockets.isEmpty {
                    throw ResolvedAddresses.failure(address.host, picked, .udp, ServerLog.reason(error))
                }
            }
        } catch {
            for socket in sockets { socket.close() }
            throw error
        }
        return sockets
    }

    /// Appends sockets for all addresses of `host`. Returns 0, or the first error.
    private static func append(
        _ host: String?, _ port: UInt16, _ dialect: Dialect, _ workerCount: Int, to sockets: inout [DatagramSocket]
    ) throws(StartError) -> Int32 {
        let addresses = try ResolvedAddresses(host, port, .udp)
        var error: Int32 = 0
        addresses.forEach { info in
            let (probe, probeError) = bound(info, to: info.pointee.ai_addr, isShared: false)
            if error == 0 { error = probeError }
            guard probe >= 0 else { return }
            var address = ResolvedAddresses.bound(probe)
            _ = Glibc.close(probe)
            for index in 0..<workerCount {
                let (descriptor, failure) = withUnsafePointer(to: &address) { storage in
                    storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { bound(info, to: $0, isShared: true) }
                }
                if error == 0 { error = failure }
                guard descriptor >= 0 else { break }
                sockets.append(
                    DatagramSocket(descriptor: descriptor, address: &address, workerIndex: index, dialect: dialect))
            }
        }
        return error
    }

    private init(descriptor: Int32, address: UnsafePointer<sockaddr_storage>, workerIndex: Int, dialect: Dialect) {
        let peer = PeerAddress(address)
        self.descriptor = descriptor
        family = peer.family == .ipv6 ? .ipv6 : .ipv4
        port = peer.port
        name = "udp" + (peer.name?.dropFirst(3) ?? "")
        self.workerIndex = workerIndex
        self.dialect = dialect
    }

    private static func bound(
        _ info: UnsafeMutablePointer<addrinfo>, to address: UnsafePointer<sockaddr>?, isShared: Bool
    ) -> (descriptor: Int32, error: Int32) {
        let descriptor = ResolvedAddresses.makeSocket(info)
        guard descriptor >= 0 else { return (-1, errno) }
        if isShared { ResolvedAddresses.set(SOL_SOCKET, SO_REUSEPORT, 1, descriptor) }
        // As much as the system allows: a large reply is sent at once or not at all.
        ResolvedAddresses.set(SOL_SOCKET, SO_SNDBUF, Limits.datagramSendBytes, descriptor)
        if bind(descriptor, address, info.pointee.ai_addrlen) == 0 { return (descriptor, 0) }
        let error = errno
        _ = Glibc.close(descriptor)
        return (-1, error)
    }
}
