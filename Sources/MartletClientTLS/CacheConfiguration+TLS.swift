#if TLS
import MartletClient
import NIOCore
import NIOSSL

/// TLS between client and servers, in a module of its own: who does not need it has no TLS library to build.
///
///     var configuration = CacheConfiguration()
///     try configuration.useTLS()                                    // certificates that the system trusts
///     let cache = CacheClient(servers: servers, configuration: configuration)
///
/// Each connection shakes hands within `CacheConfiguration.connectTimeout`; a server that cannot, or whose certificate
/// is not trusted, counts as down, with the reason in the error.
extension CacheConfiguration {
    /// Encrypts every connection.
    ///
    /// - Parameters:
    ///   - settings: Whom to trust, and what to show (`certificateChain` and `privateKey`) to servers that want a
    ///     certificate of their clients.
    ///   - serverName: The name that servers' certificates must have; their host, or the address connected to, if nil.
    ///     One for all is right where addresses come from a cluster that has one name.
    /// - Throws: What is wrong with the settings.
    public mutating func useTLS(
        _ settings: TLSConfiguration = .makeClientConfiguration(), serverName: String? = nil
    ) throws {
        let context = try NIOSSLContext(configuration: settings)
        prepareChannel = { channel, server in
            let layer = try NIOSSLClientHandler(context: context, serverHostname: serverName ?? server.hostName)
            try channel.pipeline.syncOperations.addHandler(layer)
        }
    }
}

extension CacheServer {
    /// The host, unless it is an address, which no client may send as a name.
    fileprivate var hostName: String? {
        guard case .tcp(let host, _) = address else { return nil }
        return (try? SocketAddress(ipAddress: host, port: 0)) == nil ? host : nil
    }
}
#endif
