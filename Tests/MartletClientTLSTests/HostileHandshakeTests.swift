#if TLS
import ClientTesting
import MartletClient
import MartletClientTLS
import NIOCore
import NIOPosix
import NIOSSL
import ServerTesting
import Testing

/// Servers that are asked over TLS and answer with something else: a clear error within the deadlines, and nothing
/// more.
@Suite("TLS: servers that speak something else")
struct HostileHandshakeTests {
    /// What comes in place of the server's part of the handshake.
    static let answers: [[UInt8]] = [
        [],
        Array("VERSION 1.6.45\r\nMN\r\n".utf8),
        (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) },
        // An alert: handshake failure.
        [0x15, 3, 3, 0, 2, 2, 40],
        // A packet longer than any may be, and one that never comes whole.
        [0x16, 3, 3, 0xFF, 0xFF] + [UInt8](repeating: 2, count: 300),
        [0x16, 3, 3, 0x3F, 0xFF, 2, 0, 0, 0x40],
        // Bytes of a connection that is encrypted already.
        [0x17, 3, 3, 0, 32] + [UInt8](repeating: 0xAA, count: 32),
    ]

    @Test("They count as down, with an error of their own", arguments: answers)
    func noise(answer: [UInt8]) async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answering(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        var configuration = CacheConfiguration()
        configuration.operationTimeout = .seconds(60)
        configuration.connectTimeout = .seconds(1)
        try configuration.useTLS(try TestCertificates.clientSettings())
        let server = CacheServer(host: "127.0.0.1", port: UInt16(listener.localAddress?.port ?? 0))
        let cache = CacheClient(servers: [server], configuration: configuration)

        for _ in 0..<2 {
            let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }
            #expect(error?.code == .serverDown, "\(error.map(String.init(describing:)) ?? "")")
            #expect(error?.server == server.name)
        }
        await cache.shutDown()
        try await listener.close()
    }

    @Test("A server that is asked in the clear and speaks TLS counts as down")
    func clear() async throws {
        let server = try TestServer.onUnixSocket()
        defer { server.stop() }
        let way = try await EncryptedWay(to: server.path ?? "")
        var configuration = CacheConfiguration()
        configuration.operationTimeout = .seconds(60)
        configuration.connectTimeout = .seconds(1)
        let cache = CacheClient(
            servers: [CacheServer(host: "127.0.0.1", port: way.port)], configuration: configuration)

        let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }

        #expect(error?.code == .serverDown)
        await cache.shutDown()
        await way.stop()
    }

    /// Says one thing when something has come, and nothing afterwards.
    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private var answer: [UInt8]

        init(_ answer: [UInt8]) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.writeAndFlush(NIOAny(ByteBuffer(bytes: answer)), promise: nil)
            answer = []
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
#endif
