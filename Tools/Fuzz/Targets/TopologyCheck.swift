import MartletClient
import MartletRing
import MartletServer

/// A list of servers in each of the forms that one comes in: refused, or servers that a ring can be made of.
enum TopologyCheck {
    static func check(_ input: [UInt8]) throws {
        let text = String(decoding: input, as: UTF8.self)
        _ = TopologyFile.nodes(text)
        if let document = TopologyDocument(input), let servers = document.cacheServers {
            let again = try TopologyDocument(Topology(epoch: document.epoch ?? 0, servers: servers)).encoded()
            try FuzzFinding.expect(
                TopologyDocument(again)?.cacheServers == servers, "a document does not survive being written")
            try checkRing(servers)
        }
        if let topology = try? ClusterEndpoint.topology(Substring(text)) { try checkRing(topology.servers) }
        if let reply = ClusterEndpoint.payload(text) { _ = try? ClusterEndpoint.topology(reply) }
        for line in text.split(whereSeparator: \.isNewline).prefix(20) {
            guard let server = CacheServer(String(line)) else { continue }
            try FuzzFinding.expect(
                RingServer(server.node.description)?.host == server.node.host, "a server does not survive: \(server)")
        }
    }

    private static func checkRing(_ servers: [CacheServer]) throws(FuzzFinding) {
        if servers.isEmpty || servers.count > 20 { return }
        let ring = HashRing(servers: servers.map(\.node))
        try FuzzFinding.expect(servers.indices.contains(ring.server(for: "a key")), "a ring knows no server for a key")
    }
}
