import MartletRing

/// A list of servers with a number: of two lists the one with the greater number is in force.
public struct Topology: Sendable {
    /// Which of two lists is the later one; the list that a client is made with has 0.
    public var epoch: UInt64
    /// One at least and 4,096 at most, each name once, or the list is refused. The order matters to `jump` and `modulo`
    /// only.
    public var servers: [CacheServer]

    /// A list; whether it is a good one is looked at when it is to come into force.
    public init(epoch: UInt64, servers: [CacheServer]) {
        self.epoch = epoch
        self.servers = servers
    }

    /// Each server costs points on the ring and connections of its own, whoever it was that named it.
    package static let serversMax = 4096

    /// What is wrong with the list; nil for nothing.
    package var flaw: String? {
        if servers.isEmpty { return "is empty" }
        if servers.count > Self.serversMax { return "has more than \(Self.serversMax) servers" }
        if Set(servers.map(\.name)).count < servers.count { return "has a name twice" }
        // `a` on the usual port, and another that is just called `a`: one of the two would have no key.
        let pointNames = Set(servers.map(\.node.pointName))
        return pointNames.count < servers.count ? "has two servers with the same points on a ring" : nil
    }
}

/// A topology at work: the ring, and a node for each of its servers.
struct ActiveTopology: Sendable {
    /// As it was given: nodes stay when weights change.
    let list: Topology
    let ring: HashRing
    /// In the order of the ring's servers.
    let nodes: [ServerNode]

    var epoch: UInt64 { list.epoch }

    func node(for request: CacheRequest) -> ServerNode { nodes[place(for: request)] }

    /// The place of the server that has the request's key.
    func place(for request: CacheRequest) -> Int {
        guard nodes.count > 1 else { return 0 }
        let key = request.key.routingBytes
        guard request.rank > 0 else { return ring.server(for: key.span) }
        let places = ring.servers(for: key.span, count: Int(request.rank) + 1)
        return places[min(Int(request.rank), places.count - 1)]
    }
}
