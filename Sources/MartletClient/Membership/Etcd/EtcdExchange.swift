import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// One request to etcd's gateway and the lines of its reply, on a connection of its own.
///
/// Rules:
/// 1. The first line comes within `timeout`.
/// 2. The reply ends within `life`: then the stream ends as if the server had ended it. A connection that died without
///    a word is found out so.
/// 3. A line, a whole reply and what waits to be read are bounded, in bytes.
struct EtcdExchange: Sendable {
    let endpoint: CacheServer
    let path: String
    let body: [UInt8]
    /// Of a login.
    let token: String?
    let timeout: Duration
    /// nil for as long as the first line may take.
    let life: Duration?
    let prepareChannel: (@Sendable (any Channel, CacheServer) throws -> Void)?
    let eventLoops: any EventLoopGroup

    static let lineBytesMax = 4 << 20
    private static let waitingLinesMax = 4096
    static let waitingBytesMax = 4 * lineBytesMax

    typealias Lines = AsyncMapSequence<AsyncThrowingStream<[UInt8], any Error>, [UInt8]>

    /// The lines as they come. Throws a `CacheError` where the server says no, or nothing.
    func lines() -> Lines {
        let (stream, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream(
            bufferingPolicy: .bufferingOldest(Self.waitingLinesMax))
        let waitingBytes = NIOLockedValueBox(0)
        let eventLoop = eventLoops.next()
        let channel = ClientBootstrap(group: eventLoop).connectTimeout(timeout.timeAmount)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try prepareChannel?(channel, endpoint)
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(Conversation(self, continuation, waitingBytes))
                }
            }
            .connect(to: endpoint.address)
        channel.whenFailure {
            var code = CacheError.Code.serverDown
            if case .connectTimeout? = $0 as? ChannelError { code = .timeout }
            continuation.finish(throwing: CacheError(code, server: endpoint.name, underlying: $0))
        }
        continuation.onTermination = { _ in channel.whenSuccess { $0.close(promise: nil) } }
        return stream.map { line in
            waitingBytes.withLockedValue { $0 -= line.count }
            return line
        }
    }

    /// The whole reply.
    func reply() async throws(CacheError) -> [UInt8] {
        var reply: [UInt8] = []
        do {
            for try await line in lines() {
                guard reply.count + line.count <= Self.lineBytesMax else {
                    throw CacheError(.protocolViolation, "a reply without an end", server: endpoint.name)
                }
                reply += line
            }
        } catch {
            throw error as? CacheError ?? CacheError(.connectionLost, server: endpoint.name, underlying: error)
        }
        // A stream that ends because its task was cancelled just ends.
        guard !Task.isCancelled else { throw CacheError(.cancelled) }
        return reply
    }

    /// With brackets around an address that has colons itself; a socket's path is no host.
    private var hostHeader: String {
        if case .unixSocket = endpoint.address { "localhost" } else { endpoint.node.description }
    }

    private final class Conversation: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart
        typealias OutboundOut = HTTPClientRequestPart

        private let exchange: EtcdExchange
        private let continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation
        /// Of the lines that nobody has taken yet.
        private let waitingBytes: NIOLockedValueBox<Int>
        private var status = HTTPResponseStatus.ok
        private var body = LineSplitter()
        /// Rule 1, until the first line is there.
        private var alarm: Scheduled<Void>?
        /// Rule 2.
        private var ending: Scheduled<Void>?

        init(
            _ exchange: EtcdExchange, _ continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation,
            _ waitingBytes: NIOLockedValueBox<Int>
        ) {
            self.exchange = exchange
            self.continuation = continuation
            self.waitingBytes = waitingBytes
        }

        func channelActive(context: ChannelHandlerContext) {
            var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: exchange.path)
            head.headers.add(name: "host", value: exchange.hostHeader)
            head.headers.add(name: "content-type", value: "application/json")
            head.headers.add(name: "content-length", value: "\(exchange.body.count)")
            if let token = exchange.token { head.headers.add(name: "authorization", value: token) }
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: exchange.body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            let late = CacheError(.timeout, server: exchange.endpoint.name)
            alarm = context.eventLoop.scheduleTask(in: exchange.timeout.timeAmount) { [continuation] in
                continuation.finish(throwing: late)
            }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): status = head.status
            case .body(let buffer):
                body.append(buffer.readableBytesView)
                if status == .ok { takeLines(context) }
                if body.rest.count > EtcdExchange.lineBytesMax { fail(.protocolViolation, "a reply without an end") }
            case .end:
                guard status == .ok else { return refuse() }
                if !body.rest.isEmpty { take(body.rest) }
                continuation.finish()
            }
        }

        private func takeLines(_ context: ChannelHandlerContext) {
            let lines = body.lines()
            guard !lines.isEmpty else { return }
            for line in lines { take(line) }
            guard let life = exchange.life, alarm != nil else { return }
            alarm?.cancel()
            alarm = nil
            ending = context.eventLoop.scheduleTask(in: life.timeAmount) { [continuation] in continuation.finish() }
        }

        private func take(_ line: [UInt8]) {
            let waiting = waitingBytes.withLockedValue { bytes in
                bytes += line.count
                return bytes
            }
            var isLost = waiting > EtcdExchange.waitingBytesMax
            if !isLost, case .dropped = continuation.yield(line) { isLost = true }
            if isLost { fail(.overloaded, "more changes than can be followed") }
        }

        private func refuse() {
            let message = EtcdExchange.message(body.rest)
            let code: CacheError.Code =
                switch status.code {
                case 401, 403: .unauthorized
                case _ where EtcdExchange.speaksOfToken(message): .unauthorized
                case 500...: .serverDown
                default: .refused
                }
            fail(code, "\(status.code) \(message)")
        }

        private func fail(_ code: CacheError.Code, _ message: String) {
            continuation.finish(throwing: CacheError(code, message, server: exchange.endpoint.name))
        }

        func channelInactive(context: ChannelHandlerContext) {
            alarm?.cancel()
            ending?.cancel()
            fail(.connectionLost, "closed by the server")
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            continuation.finish(
                throwing: CacheError(.connectionLost, server: exchange.endpoint.name, underlying: error))
            context.close(promise: nil)
        }
    }
}
