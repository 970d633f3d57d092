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
/// A server that does not know the command is asked for the key `AmazonElastiCache:cluster`, whose value is the same. A node
/// is called by its host; its address, which may be empty, is where it is.
struct ClusterEndpoint: Sendable {
    let server: CacheServer
    let timeout: Duration
    /// Whose credentials and preparation of channels are used.
    var configuration = CacheConfiguration()

    static let replyBytesMax = 1 << 20

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
    static func payload(_ reply: String) -> Substring? {
        guard reply.hasPrefix("CONFIG ") || reply.hasPrefix("VALUE "), reply.hasSuffix("END\r\n"),
            let first = reply.firstRange(of: "\r\n")
        else { return nil }
        return reply[first.upperBound...].dropLast(1)
    }

    static func topology(_ payload: Substring) throws(CacheError) -> Topology {
        let lines = payload.split(whereSeparator: \.isNewline)
        guard lines.count >= 2, let epoch = UInt64(lines[0]) else {
            throw CacheError(.protocolViolation, "no description of a cluster")
        }
        var servers: [CacheServer] = []
        for node in lines[1].split(separator: " " as Character) {
            let parts = node.split(separator: "|" as Character, omittingEmptySubsequences: false)
            guard parts.count == 3, !parts[0].isEmpty, let port = UInt16(parts[2]) else {
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
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = eventLoop.makePromise(of: String.self)
        let bootstrap = ClientBootstrap(group: eventLoop).connectTimeout(timeout.timeAmount).channelInitializer {
            channel in
            channel.eventLoop.makeCompletedFuture {
                try configuration.prepareChannel?(channel, server)
                let conversation = Conversation(command, credentials: configuration.credentials, answer)
                try channel.pipeline.syncOperations.addHandler(conversation)
            }
        }
        let connected =
            switch server.address {
            case .tcp(let host, let port): bootstrap.connect(host: host, port: Int(port))
            case .unixSocket(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        let alarm = eventLoop.scheduleTask(in: timeout.timeAmount) {
            answer.fail(CacheError(.timeout, server: server.name))
        }
        connected.whenFailure { answer.fail(CacheError(.serverDown, server: server.name, underlying: $0)) }
        defer {
            alarm.cancel()
            connected.whenSuccess { $0.close(promise: nil) }
        }
        do {
            return try await answer.futureResult.get()
        } catch {
            throw error as? CacheError ?? CacheError(.connectionLost, server: server.name, underlying: error)
        }
    }

    /// One command, one reply.
    private final class Conversation: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let command: String
        private let answer: EventLoopPromise<String>
        private var reply = ""
        private var awaitsLogin: Bool

        init(_ command: String, credentials: CacheCredentials?, _ answer: EventLoopPromise<String>) {
            self.command = (credentials?.login ?? "") + command
            self.answer = answer
            awaitsLogin = credentials != nil
        }

        func channelActive(context: ChannelHandlerContext) {
            context.writeAndFlush(NIOAny(ByteBuffer(string: command)), promise: nil)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            reply += String(buffer: unwrapInboundIn(data))
            if awaitsLogin, reply.hasPrefix("STORED\r\n") {
                awaitsLogin = false
                // A line's end is one character.
                reply = String(reply.dropFirst("STORED".count + 1))
            }
            let isError = reply.hasPrefix("ERROR") || reply.hasPrefix("CLIENT_ERROR") || reply.hasPrefix("SERVER_ERROR")
            if reply.hasSuffix("END\r\n") || (isError && reply.hasSuffix("\r\n")) {
                answer.succeed(reply)
            } else if reply.utf8.count > ClusterEndpoint.replyBytesMax {
                answer.fail(CacheError(.protocolViolation, "a description without an end"))
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            answer.fail(CacheError(.connectionLost, "closed by the server"))
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { answer.fail(error) }
    }
}
