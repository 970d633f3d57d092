import CShims
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
                let security = address.security ?? settings.standardSecurity
                for index in before..<sockets.count { sockets[index].security = security }
                let isLeftOut = settings.listenAddresses.isEmpty && isMissingAddress(error) && text != "127.0.0.1"
                if error != 0 && !isLeftOut { throw failure(address.host, picked, ServerLog.reason(error)) }
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
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, String(port), &hints, &found)
        guard result == 0 else { throw failure(host, port, String(cString: gai_strerror(result))) }
        defer { freeaddrinfo(found) }
        var worst: Int32 = 0
        var isOpen = false
        var next = found
        while let info = next {
            next = info.pointee.ai_next
            switch bindTCP(info, backlog) {
            case .success(let socket):
                sockets.append(socket)
                isOpen = true
            case .failure(let failure):
                if worst == 0 || isMissingAddress(worst) { worst = failure.error }
            }
        }
        return isOpen && isMissingAddress(worst) ? 0 : worst
    }

    private static func isMissingAddress(_ error: Int32) -> Bool {
        error == EADDRNOTAVAIL || error == EAFNOSUPPORT
    }

    private static func failure(_ host: String?, _ port: UInt16, _ reason: String) -> StartError {
        StartError(
            "failed to listen on TCP port \(port) of \(host ?? "all addresses"): \(reason)", status: ExitStatus.system)
    }

    private struct SystemError: Error { let error: Int32 }

    /// The options are inherited by accepted sockets.
    private static func bindTCP(
        _ info: UnsafeMutablePointer<addrinfo>, _ backlog: Int
    ) -> Result<ListeningSocket, SystemError> {
        let type = info.pointee.ai_socktype | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(info.pointee.ai_family, type, info.pointee.ai_protocol)
        guard descriptor >= 0 else { return .failure(SystemError(error: errno)) }
        let isIPv6 = info.pointee.ai_family == AF_INET6
        if isIPv6 { turnOn(Int32(IPPROTO_IPV6), IPV6_V6ONLY, descriptor) }
        turnOn(SOL_SOCKET, SO_REUSEADDR, descriptor)
        turnOn(SOL_SOCKET, SO_KEEPALIVE, descriptor)
        turnOn(Int32(IPPROTO_TCP), TCP_NODELAY, descriptor)
        guard bind(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0,
            listen(descriptor, Int32(clamping: backlog)) == 0
        else {
            let error = errno
            _ = Glibc.close(descriptor)
            return .failure(SystemError(error: error))
        }
        var bound = sockaddr_storage()
        var count = socklen_t(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutablePointer(to: &bound) { storage in
            _ = storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &count) }
        }
        let address = PeerAddress(&bound)
        return .success(
            ListeningSocket(
                descriptor: descriptor, family: isIPv6 ? .ipv6 : .ipv4, port: address.port,
                name: address.name ?? "", path: nil, file: (0, 0)))
    }

    private static func turnOn(_ level: Int32, _ option: Int32, _ descriptor: Int32) {
        var on: Int32 = 1
        _ = setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
    }
}
