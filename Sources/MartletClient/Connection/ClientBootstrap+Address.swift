import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension ClientBootstrap {
    func connect(to address: CacheServer.Address) -> EventLoopFuture<any Channel> {
        switch address {
        case .tcp(let host, let port): keptAlive.connect(host: host, port: Int(port))
        case .unixSocket(let path): connect(unixDomainSocketPath: path)
        }
    }

    /// With the system asking over a connection that has been idle for a minute whether its other end is there. What is
    /// between the two (NAT, a load balancer) forgets connections that say nothing for some minutes, often without a
    /// word, and calls would be the first to notice. One that is gone is given up half a minute later.
    private var keptAlive: ClientBootstrap {
        let bootstrap = channelOption(.socketOption(.so_keepalive), value: 1)
        #if canImport(Darwin)
        return bootstrap.channelOption(.tcpOption(.init(rawValue: TCP_KEEPALIVE)), value: 60)
        #else
        return bootstrap.channelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: 60)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: 10)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: 3)
        #endif
    }
}
