import NIOCore
import NIOPosix

extension ClientBootstrap {
    func connect(to address: CacheServer.Address) -> EventLoopFuture<any Channel> {
        switch address {
        case .tcp(let host, let port): connect(host: host, port: Int(port))
        case .unixSocket(let path): connect(unixDomainSocketPath: path)
        }
    }
}
