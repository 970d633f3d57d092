import MartletProtocol
import NIOCore

/// What stands between a socket and its lane: the greeting, then one reply after the other. Lives on the event loop.
///
/// The greeting finds out, before any call is sent, whether there is a server that will have us and what it understands:
///
///     -> set auth 0 0 <n>  user password      only with credentials; STORED
///     -> version                              VERSION <text>; ERROR and CLIENT_ERROR are refusals
///     -> mn                                   unless the meta protocol is not wanted; ERROR: an older server
final class LaneChannel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Stage {
        case login, version, noop, serving, over
    }

    private let lane: Lane
    private var decoder: ReplyDecoder
    private var stage: Stage
    private var greetingTimer: Scheduled<Void>?

    init(_ lane: Lane) {
        self.lane = lane
        decoder = ReplyDecoder(valueBytesMax: lane.configuration.valueBytesMax)
        stage = lane.configuration.credentials == nil ? .version : .login
    }

    func channelActive(context: ChannelHandlerContext) {
        var greeting = ByteBuffer()
        if let credentials = lane.configuration.credentials {
            let login = "\(credentials.user) \(credentials.password)"
            greeting.writeString("set auth 0 0 \(login.utf8.count)\r\n\(login)\r\n")
        }
        greeting.writeString(lane.configuration.usesMetaProtocol ? "version\r\nmn\r\n" : "version\r\n")
        context.writeAndFlush(wrapOutboundOut(greeting), promise: nil)
        let channel = context.channel
        greetingTimer = context.eventLoop.assumeIsolated().scheduleTask(
            in: lane.configuration.connectTimeout.timeAmount
        ) {
            self.refuse(CacheError(.serverDown, "the server takes connections, but does not answer"), channel)
        }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard stage != .over else { return }
        decoder.append(unwrapInboundIn(data))
        var replies: [ReceivedReply] = []
        var failure: CacheError?
        do throws(CacheError) {
            while let reply = try decoder.next() {
                if stage == .serving { replies.append(reply) } else { greet(reply, context.channel) }
                if stage == .over { return }
            }
        } catch {
            failure = error
        }
        // The replies before the one that is none are good.
        if !replies.isEmpty { lane.receive(replies, from: context.channel) }
        if let failure { end(failure, context.channel) }
    }

    private func greet(_ reply: ReceivedReply, _ channel: any Channel) {
        switch (stage, reply.kind) {
        case (.login, .stored): stage = .version
        case (.version, .version) where !lane.configuration.usesMetaProtocol: serve(.classic, channel)
        case (.version, .version): stage = .noop
        case (.noop, .meta) where reply.status == .noop: serve(.meta, channel)
        case (.noop, .error): serve(.classic, channel)
        case (.login, .clientError), (.version, .clientError):
            refuse(CacheError(.unauthorized, reply.text), channel)
        default: refuse(CacheError(.serverDown, "no memcached, or none that will have us: \(reply.text)"), channel)
        }
    }

    private func serve(_ dialect: Dialect, _ channel: any Channel) {
        stage = .serving
        greetingTimer?.cancel()
        greetingTimer = nil
        lane.opened(channel, dialect)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(CacheError(.connectionLost, "closed by the server"), context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(CacheError(.connectionLost, underlying: error), context.channel)
    }

    private func end(_ error: CacheError, _ channel: any Channel) {
        switch stage {
        case .over: break
        case .serving:
            stage = .over
            lane.lose(channel, error)
        case .login, .version, .noop:
            refuse(CacheError(.serverDown, "the greeting failed", underlying: error), channel)
        }
    }

    private func refuse(_ error: CacheError, _ channel: any Channel) {
        guard stage != .serving, stage != .over else { return }
        stage = .over
        greetingTimer?.cancel()
        lane.refused(error)
        channel.close(promise: nil)
    }
}
