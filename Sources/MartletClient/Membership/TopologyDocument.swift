import MartletRing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A list of servers as text: what a process remembers on disk, and what stands in etcd.
///
///     {
///       "epoch": 7,
///       "servers": [
///         "10.0.0.1:11211:2",
///         { "name": "cache-0", "address": "10.0.0.2:11211", "weight": 1 },
///         { "host": "cache-1.example", "port": 11211, "address": "/run/cache-1.sock" }
///       ]
///     }
///
/// A text is a server as `CacheServer.init(_:)` reads it. The other form is for one that the ring knows by something
/// else than where it is: by a `name`, or by a `host` and `port`, which is what other clients know it by.
package struct TopologyDocument: Codable {
    /// nil if whoever wrote it left that to whatever counts changes anyway.
    package var epoch: UInt64?
    package var servers: [Server]

    package enum Server: Codable {
        case text(String)
        case parts(Parts)

        package init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else {
                self = .parts(try container.decode(Parts.self))
            }
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .parts(let parts): try container.encode(parts)
            }
        }
    }

    package struct Parts: Codable {
        var name: String?
        var host: String?
        var port: UInt16?
        var address: String
        var weight: UInt32?
    }

    package init(_ topology: Topology) {
        epoch = topology.epoch
        servers = topology.servers.map(Self.server)
    }

    /// nil if this is no document, or its epoch is beyond `Topology.epochMax`.
    package init?(_ text: some Sequence<UInt8>) {
        guard let document = try? JSONDecoder().decode(TopologyDocument.self, from: Data(text)),
            document.epoch ?? 0 <= Topology.epochMax
        else { return nil }
        self = document
    }

    /// The servers; nil if one is none, or weighs nothing or too much, or two have one name.
    package var cacheServers: [CacheServer]? {
        var list: [CacheServer] = []
        for server in servers {
            guard let server = Self.server(server) else { return nil }
            list.append(server)
        }
        return Set(list.map(\.name)).count == list.count ? list : nil
    }

    /// Ready to be read by people.
    package func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }

    private static func server(_ server: Server) -> CacheServer? {
        switch server {
        case .text(let text): return CacheServer(text)
        case .parts(let parts):
            guard let address = CacheServer(parts.address)?.address else { return nil }
            let weight = parts.weight ?? 1
            guard (1...RingServer.weightMax).contains(weight) else { return nil }
            if let host = parts.host, !host.isEmpty {
                let port = parts.port ?? RingServer.usualPort
                return CacheServer(node: RingServer(host: host, port: port, weight: weight), address: address)
            }
            guard let name = parts.name, !name.isEmpty else { return nil }
            return CacheServer(name: name, address: address, weight: weight)
        }
    }

    private static func server(_ server: CacheServer) -> Server {
        let node = server.node
        let text = "\(node):\(node.port == 0 ? "0:" : "")\(node.weight)"
        if let same = CacheServer(text), same == server { return .text(node.weight == 1 ? "\(node)" : text) }
        let address =
            switch server.address {
            case .tcp(let host, let port): RingServer(host: host, port: port).description
            case .unixSocket(let path): path
            }
        guard let port = node.port else {
            return .parts(Parts(name: node.host, address: address, weight: node.weight))
        }
        return .parts(Parts(host: node.host, port: port, address: address, weight: node.weight))
    }
}
