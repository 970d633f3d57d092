import MartletProtocol
import NIOCore

/// What stands between a socket and its lane: the greeting, then one reply after the other. Lives on the event loop.
///
/// The greeting finds out, before any call is sent, whether there is a server that will have us and what it
/// understands:
///
///     -> set auth 0 0 <n>  user password      only with credentials; STORED
///     -> version                              VERSION <text>; ERROR and CLIENT_ERROR are refusals
///     -> mg bWFydGxldDpwcm9iZQ== b            EN, or HD; ERROR and CLIENT_ERROR: an older server
///     -> mn                                   MN; ERROR: an older server
///
/// The word `mn` proves little: memcached has it since 1.6.0, but a store was spelt otherwise until 1.6.9, and what
/// stood behind ours would be read as commands. The flag `b` came together with the store of today, in 1.6.10, and a
/// look at nobody's key changes nothing. A proxy whose server is away says SERVER_ERROR: it has understood the line.
///
/// Where the meta protocol is not wanted, or the server hangs up at these (proxies do), it is asked what every one of
/// them knows, over a new connection:
///
///     -> get martlet:probe                    END
final class LaneChannel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Stage {
        case login, version, trial, noop, retrieval, serving, over

        /// In which a server may hang up because it was asked for the meta protocol.
        static let ofMeta: Set<Stage> = [.login, .version, .trial, .noop]
    }

    private let lane: Lane
    private let asksMeta: Bool
    private var decoder: ReplyDecoder
    private var stage: Stage
    /// The meta protocol of today is understood, as far as has been answered.
    private var knowsMeta = false
    private var greetingTimer: Scheduled<Void>?

    init(_ lane: Lane, asksMeta: Bool) {
        self.lane = lane
        self.asksMeta = asksMeta
        // What this client may store, it may read, with the date in front.
        decoder = ReplyDecoder(valueBytesMax: lane.configuration.valueBytesMax + ValueDate.bytes)
        stage = lane.configuration.credentials != nil ? .login : asksMeta ? .version : .retrieval
    }

    func channelActive(context: ChannelHandlerContext) {
        var greeting = ByteBuffer()
        if let credentials = lane.configuration.credentials { greeting.writeString(credentials.login) }
        greeting.writeString(asksMeta ? "version\r\nmg bWFydGxldDpwcm9iZQ== b\r\nmn\r\n" : "get martlet:probe\r\n")
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
            while stage != .serving, let reply = try decoder.next() {
                greet(reply, context.channel)
                if stage == .over { return }
            }
            try decoder.takeAll(into: &replies)
        } catch {
            failure = error
        }
        // The replies before the one that is none are good.
        if stage == .serving { lane.receive(replies, from: context.channel) }
        if let failure { end(failure, context.channel) }
    }

    private func greet(_ reply: ReceivedReply, _ channel: any Channel) {
        switch (stage, reply.kind) {
        case (.login, .stored): stage = asksMeta ? .version : .retrieval
        case (.retrieval, .value): break
        case (.retrieval, .end): serve(.classic, channel)
        case (.version, .version): stage = .trial
        case (.trial, .meta) where reply.status == .miss || reply.status == .done, (.trial, .serverError):
            knowsMeta = true
            stage = .noop
        case (.trial, .error), (.trial, .clientError): stage = .noop
        case (.noop, .meta) where reply.status == .noop: serve(knowsMeta ? .meta : .classic, channel)
        case (.noop, .error): serve(.classic, channel)
        case (.login, .clientError), (.version, .clientError), (.retrieval, .clientError):
            refuse(CacheError(.unauthorized, reply.text), channel)
        default: refuse(CacheError(.serverDown, "no memcached, or none that will have us: \(reply.text)"), channel)
        }
    }

    private func serve(_ dialect: Dialect, _ channel: any Channel) {
        // Replies to calls that have not been sent yet would come to be theirs.
        guard decoder.isEmpty else {
            return refuse(CacheError(.serverDown, "the server says more than it was asked"), channel)
        }
        stage = .serving
        greetingTimer?.cancel()
        greetingTimer = nil
        lane.opened(channel, dialect)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { lane.wake() }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        hangUp(CacheError(.connectionLost, "closed by the server"), context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        hangUp(CacheError(.connectionLost, underlying: error), context.channel)
    }

    private func hangUp(_ error: CacheError, _ channel: any Channel) {
        // Not even a reply to the login may be out: memcached 1.6.45 hangs up at `mn` before it has let somebody in.
        guard asksMeta, Stage.ofMeta.contains(stage) else { return end(error, channel) }
        stage = .over
        greetingTimer?.cancel()
        channel.close(promise: nil)
        lane.declinedMeta()
    }

    private func end(_ error: CacheError, _ channel: any Channel) {
        switch stage {
        case .over: break
        case .serving:
            stage = .over
            lane.lose(channel, error)
        case .login, .version, .trial, .noop, .retrieval:
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
