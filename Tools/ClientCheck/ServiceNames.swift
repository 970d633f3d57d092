import MartletClient
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A name server on 127.0.0.1 that has one name, whatever it is asked for: services on `localhost`, by their ports.
final class ServiceNames: Sendable {
    enum Mood: Sendable {
        case well
        /// The name is there, and there is nothing under it.
        case empty
        /// There is no such name.
        case unknown
        case silent
    }

    private struct State {
        var ports: [UInt16]
        var mood = Mood.well
        var questions = 0
    }

    private let state: NIOLockedValueBox<State>
    private let channel: any Channel
    let resolver: DNSResolver

    init(ports: [UInt16]) async throws {
        let state = NIOLockedValueBox(State(ports: ports))
        self.state = state
        channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Answers(state)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let address = channel.localAddress else { throw Finding("a name server without an address") }
        var resolver = DNSResolver(servers: [address])
        resolver.timeout = .milliseconds(200)
        resolver.attempts = 1
        self.resolver = resolver
    }

    func stop() async { try? await channel.close() }

    func set(_ mood: Mood) { state.withLockedValue { $0.mood = mood } }
    func set(ports: [UInt16]) { state.withLockedValue { $0.ports = ports } }
    /// How often it was asked.
    var questions: Int { state.withLockedValue { $0.questions } }

    private final class Answers: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>

        private let state: NIOLockedValueBox<State>

        init(_ state: NIOLockedValueBox<State>) { self.state = state }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = unwrapInboundIn(data)
            let now = state.withLockedValue { state in
                state.questions += 1
                return state
            }
            guard now.mood != .silent, let answer = Self.answer(to: envelope.data, now) else { return }
            context.writeAndFlush(
                NIOAny(AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: answer)), promise: nil)
        }

        /// nil if it is no question.
        private static func answer(to question: ByteBuffer, _ state: State) -> ByteBuffer? {
            let bytes = Array(question.readableBytesView)
            // The number, five words, the name with a zero behind it, kind and class.
            guard bytes.count > 16, let end = bytes[12...].firstIndex(of: 0), end + 5 <= bytes.count else { return nil }
            let ports = state.mood == .well ? state.ports : []
            var answer = ByteBuffer(bytes: bytes[0..<2])
            let flags: UInt16 = state.mood == .unknown ? 0x8183 : 0x8180
            answer.writeMultipleIntegers(flags, 1 as UInt16, UInt16(ports.count), 0 as UInt16, 0 as UInt16)
            answer.writeBytes(bytes[12..<end + 5])
            let target = [9] + Array("localhost".utf8) + [0]
            for port in ports {
                // A pointer to the question's name, SRV, IN, a life of five seconds.
                answer.writeMultipleIntegers(
                    0xC00C as UInt16, 33 as UInt16, 1 as UInt16, 5 as UInt32, UInt16(target.count + 6), 0 as UInt16,
                    0 as UInt16, port)
                answer.writeBytes(target)
            }
            return answer
        }
    }
}
