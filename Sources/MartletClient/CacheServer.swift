import MartletRing

/// A server: its name, which stays and decides which keys it has, and its address, which may change.
public struct CacheServer: Hashable, Sendable {
    /// Where a server is to be found.
    public enum Address: Hashable, Sendable {
        /// A host name, looked up for each connection, or an IPv4 or IPv6 address without brackets.
        case tcp(host: String, port: UInt16)
        /// A socket on this machine.
        case unixSocket(path: String)
    }

    /// Name and weight on the ring.
    public let node: RingServer
    /// Where connections go. The ring does not see it: a server that moves keeps its keys.
    public let address: Address

    /// A server whose host and port are its name, as for every other client of memcached.
    public init(host: String, port: UInt16 = RingServer.usualPort, weight: UInt32 = 1) {
        node = RingServer(host: host, port: port, weight: weight)
        address = .tcp(host: host, port: port)
    }

    /// A server behind a Unix socket, whose path is its name.
    public init(unixSocket path: String, weight: UInt32 = 1) {
        node = RingServer(host: path, port: 0, weight: weight)
        address = .unixSocket(path: path)
    }

    /// A server with a name of its own, wherever it may be.
    public init(name: String, address: Address, weight: UInt32 = 1) {
        node = RingServer(name: name, weight: weight)
        self.address = address
    }

    /// A server known to the ring as `node`.
    public init(node: RingServer, address: Address) {
        self.node = node
        self.address = address
    }

    /// Reads `host:port:weight` or `/path`, as `RingServer` does.
    public init?(_ text: String) {
        guard let node = RingServer(text) else { return nil }
        self.node = node
        address =
            node.host.first == "/"
            ? .unixSocket(path: node.host) : .tcp(host: node.host, port: node.port ?? RingServer.usualPort)
    }

    /// What the server is called on the ring, in events and in errors: `host:port`, a path, or a name of its own.
    public var name: String { node.name }
}
