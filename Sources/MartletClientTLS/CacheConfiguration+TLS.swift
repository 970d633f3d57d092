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
    ///   - serverName: The name that servers' certificates must have; if nil, each server's own: its host, where that is a
    ///     name also if the list of servers has an address for it (`TopologySource.clusterEndpoint`), or the address
    ///     connected to. One for all is right where addresses come from a cluster that has one name.
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
    /// The host connected to, or, where that is an address, which no client may send as a name, the one it is called by.
    fileprivate var hostName: String? {
        guard case .tcp(let host, _) = address else { return nil }
        if Self.isName(host) { return host }
        // A server without a port is called by a name of its own, which is no host's.
        return node.port != nil && Self.isName(node.host) ? node.host : nil
    }

    private static func isName(_ host: String) -> Bool { (try? SocketAddress(ipAddress: host, port: 0)) == nil }
}
#endif
