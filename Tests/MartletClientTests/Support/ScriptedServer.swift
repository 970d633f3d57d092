import NIOCore
import NIOPosix
import ServerTesting

/// A server that says whatever a test wants: it greets as a client expects, and then answers what has arrived by what a
/// closure makes of it.
final class ScriptedServer: Sendable {
    /// What to do when something has arrived.
    enum Answer: Sendable {
        case send(String)
        /// Byte by byte.
        case sendInPieces(String)
        case sendAndClose(String)
        /// When the wait is over.
        case sendBehind(@Sendable () async -> Void, String)
        case nothing
        case close
    }

    let path: String
    private let listener: any Channel

    /// `answer` gets the whole lines that have arrived, on one connection, since it was last asked.
    init(greets: Bool = true, answer: @escaping @Sendable (String) -> Answer) async throws {
        path = TestServer.freshSocketPath()
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Script(greets: greets, answer: answer))
                }
            }
            .bind(unixDomainSocketPath: path).get()
    }

    func stop() async { try? await listener.close() }

    private final class Script: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private var isGreeted: Bool
        private var pending = ""
        private let answer: @Sendable (String) -> Answer

        init(greets: Bool, answer: @escaping @Sendable (String) -> Answer) {
            isGreeted = !greets
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            pending += String(buffer: unwrapInboundIn(data))
            if !isGreeted, pending.contains("mn\r\n") {
                isGreeted = true
                pending = String(pending[pending.firstRange(of: "mn\r\n")!.upperBound...])
                write("VERSION 1.6.45\r\nEN\r\nMN\r\n", context)
            }
            guard isGreeted, !pending.isEmpty, pending.hasSuffix("\r\n") else { return }
            let lines = pending
            pending = ""
            switch answer(lines) {
            case .send(let text): write(text, context)
            case .sendInPieces(let text):
                for byte in text.utf8 {
                    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: [byte])), promise: nil)
                }
            case .sendAndClose(let text):
                write(text, context)
                context.close(promise: nil)
            case .sendBehind(let wait, let text):
                let channel = context.channel
                channel.eventLoop.makeFutureWithTask { await wait() }
                    .whenSuccess { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
            case .nothing: break
            case .close: context.close(promise: nil)
            }
        }

        private func write(_ text: String, _ context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

extension String {
    /// The opaque numbers of the meta requests in it, in order.
    var opaques: [String] {
        var opaques: [String] = []
        for line in split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: { $0 == " " })
            if let word = words.first(where: { $0.first == "O" && $0.count > 1 }) { opaques.append(String(word)) }
        }
        return opaques
    }
}
