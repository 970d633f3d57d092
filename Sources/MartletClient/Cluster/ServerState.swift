/// A server as the client sees it at a moment: for dashboards.
public struct ServerState: Hashable, Sendable {
    /// Its name on the ring.
    public let server: String
    /// Calls for it fail at once, or go where `CacheConfiguration.whenServerDown` says.
    public let isDown: Bool
    /// Connections that are open and have requests on their way.
    public let usedConnections: Int
    /// Connections that are open and have nothing to do.
    public let idleConnections: Int
    /// Requests that are on their way, or wait to be.
    public let pendingRequests: Int
    /// Keys that have still to be removed there, because a change of them failed.
    public let pendingInvalidations: Int
}

extension CacheClient {
    /// The servers on the ring, in its order.
    public var serverStates: [ServerState] { core.cluster.topology.nodes.map(\.state) }
}
