import Glibc

extension ListeningSocket {
    /// Sockets for every TCP address of the settings; none for port 0.
    ///
    /// 1. A host may stand for several addresses: those that the system does not have are left out if one is there.
    /// 2. So are the default addresses, and a machine without IPv6 needs no option.
    /// 3. A port in use is always an error.
    /// 4. When the system picks the port, all addresses get the same one if that is possible.
    static func openTCP(_ settings: ServerSettings) throws(StartError) -> [ListeningSocket] {
        var sockets: [ListeningSocket] = []
        do throws(StartError) {
            for text in settings.tcpPort == 0 ? [] : settings.effectiveListenAddresses {
                let address = try ListenAddress(parsing: text)
                guard address.security == nil || settings.tls.isEnabled else {
                    throw StartError("-l: \"\(text)\" is valid with -Z only", status: ExitStatus.system)
                }
                let given = address.port ?? UInt16(clamping: settings.tcpPort)
                let picked = given == 0 ? sockets.last?.port ?? 0 : given
                let before = sockets.count
                var error = try append(address.host, picked, settings.listenBacklog, to: &sockets)
                if error == EADDRINUSE && picked != given {
                    while sockets.count > before { sockets.removeLast().close() }
                    error = try append(address.host, 0, settings.listenBacklog, to: &sockets)
                }
                guard sockets.count <= Limits.listeningSocketsMax else {
                    throw StartError(
                        "-l: the hosts have more than \(Limits.listeningSocketsMax) addresses",
                        status: ExitStatus.system)
                }
                let security = address.security ?? settings.standardSecurity
                let dialect = try address.dialect(settings, text)
                for index in before..<sockets.count {
                    (sockets[index].security, sockets[index].dialect) = (security, dialect)
                }
                let isLeftOut =
                    settings.listenAddresses.isEmpty && ResolvedAddresses.isMissing(error) && text != "127.0.0.1"
                if error != 0 && !isLeftOut {
                    throw ResolvedAddresses.failure(address.host, picked, .tcp, ServerLog.reason(error))
                }
            }
        } catch {
            for socket in sockets { socket.close() }
            throw error
        }
        return sockets
    }

    /// Appends sockets for all addresses of `host`. Returns 0, or the error that must not be passed over.
    private static func append(
        _ host: String?, _ port: UInt16, _ backlog: Int, to sockets: inout [ListeningSocket]
    ) throws(StartError) -> Int32 {
        let addresses = try ResolvedAddresses(host, port, .tcp)
        var worst: Int32 = 0
        let countBefore = sockets.count
        addresses.forEach { info in
            switch bindTCP(info, backlog) {
            case .success(let socket): sockets.append(socket)
            case .failure(let failure):
                if worst == 0 || ResolvedAddresses.isMissing(worst) { worst = failure.error }
            }
        }
        return sockets.count > countBefore && ResolvedAddresses.isMissing(worst) ? 0 : worst
    }

    private struct SystemError: Error { let error: Int32 }

    /// The options are inherited by accepted sockets.
    private static func bindTCP(
        _ info: UnsafeMutablePointer<addrinfo>, _ backlog: Int
    ) -> Result<ListeningSocket, SystemError> {
        let descriptor = ResolvedAddresses.makeSocket(info)
        guard descriptor >= 0 else { return .failure(SystemError(error: errno)) }
        ResolvedAddresses.set(SOL_SOCKET, SO_REUSEADDR, 1, descriptor)
        ResolvedAddresses.set(SOL_SOCKET, SO_KEEPALIVE, 1, descriptor)
        ResolvedAddresses.set(Int32(IPPROTO_TCP), TCP_NODELAY, 1, descriptor)
        guard bind(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0,
            listen(descriptor, Int32(clamping: backlog)) == 0
        else {
            let error = errno
            _ = Glibc.close(descriptor)
            return .failure(SystemError(error: error))
        }
        var bound = ResolvedAddresses.bound(descriptor)
        let address = PeerAddress(&bound)
        return .success(
            ListeningSocket(
                descriptor: descriptor, family: address.family == .ipv6 ? .ipv6 : .ipv4, port: address.port,
                name: address.name ?? "", path: nil, file: (0, 0)))
    }
}
