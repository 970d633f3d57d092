import MartletRing
import NIOCore
import NIOPosix

/// Asks a server which servers there are.
///
///     -> config get cluster
///     <- CONFIG cluster 0 <length>
///        <version>
///        <host>|<address>|<port> <host>|<address>|<port> ...
///
///        END
///
/// A server that does not know the command is asked for the key `AmazonElastiCache:cluster`, whose value is the same. A
/// node is called by its host; its address, which may be empty, is where it is.
package struct ClusterEndpoint: Sendable {
    let server: CacheServer
    let timeout: Duration
    /// Whose credentials and preparation of channels are used.
    var configuration = CacheConfiguration()
    var eventLoops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

    func topology() async throws(CacheError) -> Topology {
        let reply = try await ask("config get cluster\r\n")
        if let payload = Self.payload(reply) { return try Self.topology(payload) }
        let older = try await ask("get AmazonElastiCache:cluster\r\n")
        guard let payload = Self.payload(older) else {
            throw CacheError(.unsupported, "the server does not tell its cluster", server: server.name)
        }
        return try Self.topology(payload)
    }

    /// What stands between the first line and the last; nil if the reply has no such lines.
    package static func payload(_ reply: String) -> Substring? {
        guard reply.hasPrefix("CONFIG ") || reply.hasPrefix("VALUE "), reply.hasSuffix("END\r\n"),
            let first = reply.firstRange(of: "\r\n")
        else { return nil }
        return reply[first.upperBound...].dropLast(1)
    }

    package static func topology(_ payload: Substring) throws(CacheError) -> Topology {
        let lines = payload.split(whereSeparator: \.isNewline)
        guard lines.count >= 2, let epoch = UInt64(digits: lines[0]), epoch <= Topology.epochMax else {
            throw CacheError(.protocolViolation, "no description of a cluster")
        }
        var servers: [CacheServer] = []
        for node in lines[1].split(separator: " " as Character) {
            let parts = node.split(separator: "|" as Character, omittingEmptySubsequences: false)
            guard parts.count == 3, !parts[0].isEmpty, let port = UInt16(digits: parts[2]) else {
                throw CacheError(.protocolViolation, "\"\(node)\" is no node of a cluster")
            }
            let host = String(parts[1].isEmpty ? parts[0] : parts[1])
            servers.append(
                CacheServer(node: RingServer(host: String(parts[0]), port: port), address: .tcp(host: host, port: port))
            )
        }
        return Topology(epoch: epoch, servers: servers)
    }

    private func ask(_ command: String) async throws(CacheError) -> String {
        try await ServerConversation(
            server: server, timeout: timeout, configuration: configuration, eventLoops: eventLoops
        ).ask(command)
    }
}
