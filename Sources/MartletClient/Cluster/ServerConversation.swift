import NIOCore
import NIOPosix

/// One command and its reply, on a connection of its own: for what servers tell of themselves, in several lines.
struct ServerConversation: Sendable {
    let server: CacheServer
    let timeout: Duration
    /// Whose credentials and preparation of channels are used.
    let configuration: CacheConfiguration
    var eventLoops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

    static let replyBytesMax = 1 << 20

    /// The whole reply: up to `END`, or one line that is all.
    func ask(_ command: String) async throws(CacheError) -> String {
        do {
            return try await answer(to: command).get()
        } catch {
            throw error as? CacheError ?? CacheError(.connectionLost, server: server.name, underlying: error)
        }
    }

    func answer(to command: String) -> EventLoopFuture<String> {
        let answer = eventLoops.next().makePromise(of: String.self)
        ask(command, answer)
        return answer.futureResult
    }

    /// Whoever fails `answer` ends the conversation.
    func ask(_ command: String, _ answer: EventLoopPromise<String>) {
        let eventLoop = answer.futureResult.eventLoop
        let bootstrap = ClientBootstrap(group: eventLoop).connectTimeout(timeout.timeAmount).channelInitializer {
            channel in
            channel.eventLoop.makeCompletedFuture {
                try configuration.prepareChannel?(channel, server)
                let conversation = Conversation(command, credentials: configuration.credentials, answer)
                try channel.pipeline.syncOperations.addHandler(conversation)
            }
        }
        let connected = bootstrap.connect(to: server.address)
        let alarm = eventLoop.scheduleTask(in: timeout.timeAmount) {
            answer.fail(CacheError(.timeout, server: server.name))
        }
        connected.whenFailure { answer.fail(CacheError(.serverDown, server: server.name, underlying: $0)) }
        answer.futureResult.whenComplete { _ in
            alarm.cancel()
            connected.whenSuccess { $0.close(promise: nil) }
        }
    }

    static func isError(_ reply: String) -> Bool {
        reply.hasPrefix("ERROR") || reply.hasPrefix("CLIENT_ERROR") || reply.hasPrefix("SERVER_ERROR")
    }

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
            let isLine = reply == "OK\r\n" || reply == "RESET\r\n" || ServerConversation.isError(reply)
            let isWhole = reply == "END\r\n" || reply.hasSuffix("\r\nEND\r\n")
            if isWhole || (isLine && reply.hasSuffix("\r\n")) {
                answer.succeed(reply)
            } else if reply.utf8.count > ServerConversation.replyBytesMax {
                answer.fail(CacheError(.protocolViolation, "a reply without an end"))
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            answer.fail(CacheError(.connectionLost, "closed by the server"))
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { answer.fail(error) }
    }
}
