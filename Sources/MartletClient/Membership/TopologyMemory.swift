import MartletRing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The last good list of servers on disk, so that a process begins with it when its source does not answer.
///
/// A JSON document: `{"epoch": 7, "servers": [{"ringHost": "cache-0", "weight": 1, "host": "10.0.0.1", "port": 11211}]}`, with
/// `path` in the place of host and port for a Unix socket, and `ringPort` where the ring knows one. It is written beside
/// its place and moved there, so that it is whole or the last one.
struct TopologyMemory: Sendable {
    let path: String

    private struct Document: Codable {
        var epoch: UInt64
        var servers: [Server]
    }

    private struct Server: Codable {
        /// What the ring knows: a host with a port, or a name without.
        var ringHost: String
        var ringPort: UInt16?
        var weight: UInt32
        /// Where it is.
        var host: String?
        var port: UInt16?
        var path: String?
    }

    /// nil if there is none, or none that can be read.
    func load() -> Topology? {
        guard let data = try? Data(contentsOf: URL(filePath: path)),
            let document = try? JSONDecoder().decode(Document.self, from: data), !document.servers.isEmpty
        else { return nil }
        var servers: [CacheServer] = []
        for server in document.servers {
            let node =
                server.ringPort.map { RingServer(host: server.ringHost, port: $0, weight: server.weight) }
                ?? RingServer(name: server.ringHost, weight: server.weight)
            if let path = server.path {
                servers.append(CacheServer(node: node, address: .unixSocket(path: path)))
            } else if let host = server.host, let port = server.port {
                servers.append(CacheServer(node: node, address: .tcp(host: host, port: port)))
            } else {
                return nil
            }
        }
        return Topology(epoch: document.epoch, servers: servers)
    }

    func store(_ topology: Topology) throws {
        let servers = topology.servers.map { server in
            var text = Server(ringHost: server.node.host, ringPort: server.node.port, weight: server.node.weight)
            switch server.address {
            case .tcp(let host, let port): (text.host, text.port) = (host, port)
            case .unixSocket(let path): text.path = path
            }
            return text
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let data = try encoder.encode(Document(epoch: topology.epoch, servers: servers))
        try data.write(to: URL(filePath: path), options: .atomic)
    }
}
