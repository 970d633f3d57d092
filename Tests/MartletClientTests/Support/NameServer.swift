import MartletClient
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A name server on 127.0.0.1, over UDP and TCP, that knows what it is told, and can be in a bad mood.
final class NameServer: Sendable {
    enum Mood: Sendable {
        case well, empty, unknown, failing, garbled, silent
        /// Garbled over TCP, and well over UDP.
        case garbledStreams
    }

    private struct State {
        var names: [String: [DNSMessage.Answer]] = [:]
        var mood = Mood.well
        /// Of names that are treated in a way of their own.
        var moods: [String: Mood] = [:]
        var streams = 0
        var questions = 0
    }

    private let state = NIOLockedValueBox(State())
    private let datagrams: any Channel
    private let streams: any Channel
    let resolver: DNSResolver

    init() async throws {
        let state = state
        // One port for both: another socket of this machine may have the datagrams' half of what the system gives for
        // streams, so there are several tries.
        var pair: (streams: any Channel, datagrams: any Channel)?
        var tries = 0
        while pair == nil {
            let streams = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Streams(state))
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            tries += 1
            do {
                let datagrams = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(Datagrams(state))
                        }
                    }
                    .bind(to: streams.localAddress!).get()
                pair = (streams, datagrams)
            } catch {
                try? await streams.close()
                if tries == 20 { throw error }
            }
        }
        (streams, datagrams) = pair!
        var resolver = DNSResolver(servers: [streams.localAddress!])
        // An answer that does not come is a fault, and not a matter of time.
        resolver.timeout = .seconds(60)
        self.resolver = resolver
    }

    func stop() async {
        try? await datagrams.close()
        try? await streams.close()
    }

    var mood: Mood {
        get { state.withLockedValue { $0.mood } }
        set { state.withLockedValue { $0.mood = newValue } }
    }

    /// How questions for one name are answered.
    func set(_ mood: Mood, for name: String) { state.withLockedValue { $0.moods[name] = mood } }

    var streamCount: Int { state.withLockedValue { $0.streams } }

    var questionCount: Int { state.withLockedValue { $0.questions } }

    func set(_ name: String, _ kind: DNSMessage.Kind, _ answers: [DNSMessage.Answer]) {
        state.withLockedValue { $0.names["\(name) \(kind.rawValue)"] = answers }
    }

    // MARK: Answers

    private static func answer(_ question: [UInt8], _ state: NIOLockedValueBox<State>, isStream: Bool) -> [UInt8]? {
        var labels: [String] = []
        var place = 12
        while place < question.count, question[place] > 0 {
            labels.append(String(decoding: question[place + 1..<place + 1 + Int(question[place])], as: UTF8.self))
            place += 1 + Int(question[place])
        }
        let kind = UInt16(question[place + 1]) << 8 | UInt16(question[place + 2])
        let (answers, mood) = state.withLockedValue { state in
            if isStream { state.streams += 1 }
            let name = labels.joined(separator: ".")
            state.questions += 1
            return (state.names["\(name) \(kind)"], state.moods[name] ?? state.mood)
        }
        switch mood {
        case .well: return reply(to: question, answers ?? [], code: answers == nil ? 3 : 0, isWhole: isStream)
        case .empty: return reply(to: question, [], code: 0, isWhole: true)
        case .unknown: return reply(to: question, [], code: 3, isWhole: true)
        case .failing: return reply(to: question, [], code: 2, isWhole: true)
        case .garbledStreams where !isStream: return reply(to: question, answers ?? [], code: 0, isWhole: false)
        case .garbled, .garbledStreams:
            return Array(reply(to: question, answers ?? [], code: 0, isWhole: true).dropLast(3))
        case .silent: return nil
        }
    }

    /// A message that answers `question`; cut at 1232 bytes unless whole.
    static func reply(to question: [UInt8], _ answers: [DNSMessage.Answer], code: UInt8, isWhole: Bool) -> [UInt8] {
        var end = 12
        while question[end] > 0 { end += 1 + Int(question[end]) }
        var bytes: [UInt8] = Array(question[0..<2])
        bytes += words([UInt16(0x8180) | UInt16(code), 1, UInt16(answers.count), 0, 0])
        bytes += question[12..<end + 5]
        for answer in answers {
            // The name is that of the question: a pointer to it.
            bytes += words([0xC00C])
            switch answer {
            case .address(let text) where text.contains("."):
                bytes += words([1, 1, 0, 5, 4])
                for part in text.split(separator: ".") { bytes.append(UInt8(part)!) }
            case .address(let text):
                bytes += words([28, 1, 0, 5, 16])
                bytes += words(text.split(separator: ":").map { UInt16($0, radix: 16)! })
            case .service(let target, let port):
                var name: [UInt8] = []
                for label in target.split(separator: ".") {
                    name.append(UInt8(label.utf8.count))
                    name += Array(label.utf8)
                }
                name.append(0)
                bytes += words([33, 1, 0, 5, UInt16(name.count + 6), 0, 0, port])
                bytes += name
            }
        }
        if !isWhole, bytes.count > 1232 {
            bytes[2] |= 2
            bytes = Array(bytes.prefix(1232))
        }
        return bytes
    }

    private static func words(_ words: [UInt16]) -> [UInt8] {
        var bytes: [UInt8] = []
        for word in words {
            bytes.append(UInt8(word >> 8))
            bytes.append(UInt8(word & 255))
        }
        return bytes
    }

    private final class Datagrams: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>

        private let state: NIOLockedValueBox<State>

        init(_ state: NIOLockedValueBox<State>) { self.state = state }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = unwrapInboundIn(data)
            let question = Array(envelope.data.readableBytesView)
            guard let answer = NameServer.answer(question, state, isStream: false) else { return }
            let reply = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: answer))
            context.writeAndFlush(NIOAny(reply), promise: nil)
        }
    }

    private final class Streams: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let state: NIOLockedValueBox<State>

        init(_ state: NIOLockedValueBox<State>) { self.state = state }

        /// A question is short, and comes at once.
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let question = Array(unwrapInboundIn(data).readableBytesView.dropFirst(2))
            guard let answer = NameServer.answer(question, state, isStream: true) else { return }
            var buffer = ByteBuffer()
            buffer.writeInteger(UInt16(answer.count))
            buffer.writeBytes(answer)
            context.writeAndFlush(NIOAny(buffer), promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
