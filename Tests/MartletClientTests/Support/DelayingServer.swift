import NIOCore
import NIOPosix
import ServerTesting

/// A server that knows only `mg`, answers each with its key, in order, and lets a test hold up any answer. An empty one
/// has no key, and keeps nothing that is stored.
final class DelayingServer: Sendable {
    let path: String
    private let listener: any Channel
    private let connections: Count

    var connectionCount: Int { get async { await connections.value } }

    /// `delay` is awaited before the answer to each line.
    init(isEmpty: Bool = false, delay: @escaping @Sendable (String) async -> Void) async throws {
        path = TestServer.freshSocketPath()
        let connections = Count()
        self.connections = connections
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeFutureWithTask { _ = await connections.add() }.flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(
                        Lines(channel: channel, isEmpty: isEmpty, delay: delay))
                }
            }
            .bind(unixDomainSocketPath: path).get()
    }

    func stop() async { try? await listener.close() }

    private final class Lines: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let channel: any Channel
        private let isEmpty: Bool
        private let delay: @Sendable (String) async -> Void
        private var pending = ""
        /// The next line is a value.
        private var isInValue = false
        /// The answer before the next one.
        private var last: EventLoopFuture<Void>

        init(channel: any Channel, isEmpty: Bool, delay: @escaping @Sendable (String) async -> Void) {
            self.channel = channel
            self.isEmpty = isEmpty
            self.delay = delay
            last = channel.eventLoop.makeSucceededVoidFuture()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            pending += String(buffer: unwrapInboundIn(data))
            while let end = pending.firstRange(of: "\r\n") {
                let line = String(pending[..<end.lowerBound])
                pending = String(pending[end.upperBound...])
                let isValue = isInValue
                isInValue = !isValue && line.hasPrefix("ms ")
                if isValue { continue }
                let (channel, isEmpty, delay) = (channel, isEmpty, delay)
                last = last.flatMap {
                    channel.eventLoop.makeFutureWithTask { await Self.answer(line, isEmpty, delay) }
                }
                .flatMap { channel.writeAndFlush(ByteBuffer(string: $0)) }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private static func answer(
            _ line: String, _ isEmpty: Bool, _ delay: @Sendable (String) async -> Void
        ) async -> String {
            switch line {
            case "version": return "VERSION 1.6.45\r\n"
            case "mn": return "MN\r\n"
            // Of the greeting.
            case "mg bWFydGxldDpwcm9iZQ== b": return "EN\r\n"
            default:
                await delay(line)
                let words = line.split(whereSeparator: { $0 == " " })
                if words.count > 2, words[0] == "ms" { return "NS \(line.opaques[0])\r\n" }
                guard words.count > 2, words[0] == "mg" else { return "ERROR\r\n" }
                if isEmpty { return "EN\r\n" }
                return "VA \(words[1].utf8.count) \(line.opaques[0])\r\n\(words[1])\r\n"
            }
        }
    }
}
