import NIOCore
import NIOPosix

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Asks name servers, over UDP, and over TCP what does not fit.
///
/// Rules:
/// 1. The servers are asked in turn, each for `timeout`, and all of them `attempts` times. "No such name" is an answer.
/// 2. A name with fewer dots than `dotsMin` is looked for in the search domains first; one that ends with a dot only as
///    it is.
/// 3. A domain for which no server has an answer is passed over, as the C library does: what is found in another one is
///    the answer. If nothing is found, the failure is, and not that there is no such name.
/// 4. Each question has a socket and a number of its own, so that nobody else's answer is taken for it.
/// 5. A cancelled task waits for no answer.
public struct DNSResolver: Sendable {
    /// The name servers, in the order in which they are asked.
    public var servers: [SocketAddress]
    /// What is put behind a name that is not whole, in the order of trying.
    public var searchDomains: [String] = []
    /// The dots from which on a name is tried as it is before the search domains; `ndots` of `resolv.conf`.
    public var dotsMin = 1
    /// How long one server may take for one answer.
    public var timeout: Duration = .seconds(2)
    /// How often all servers are asked in turn before a name has failed; 1 at least.
    public var attempts = 2
    /// Where questions are asked.
    public var eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

    /// A resolver for these servers, without search domains.
    public init(servers: [SocketAddress]) { self.servers = servers }

    /// As the system's `resolv.conf` says; without one, or without a server in it, the one on this machine.
    public static func system(_ path: String = "/etc/resolv.conf") -> DNSResolver {
        let text = (try? Data(contentsOf: URL(filePath: path))).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return DNSResolver(settings: text)
    }

    package init(settings text: String) {
        self.init(servers: [])
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            switch words.first {
            case "nameserver" where words.count > 1:
                if let server = try? SocketAddress(ipAddress: String(words[1]), port: 53) { servers.append(server) }
            case "search", "domain": searchDomains = words.dropFirst().map(String.init)
            case "options":
                for word in words where word.hasPrefix("ndots:") { dotsMin = Int(word.dropFirst(6)) ?? dotsMin }
            default: break
            }
        }
        if servers.isEmpty, let own = try? SocketAddress(ipAddress: "127.0.0.1", port: 53) { servers = [own] }
    }

    /// The answers; none if there is no such name, or none of this kind. Rule 3.
    package func answers(_ name: String, _ kind: DNSMessage.Kind) async throws(CacheError) -> [DNSMessage.Answer] {
        var failure: CacheError?
        for candidate in candidates(name) {
            do throws(CacheError) {
                let answers = try await ask(candidate, kind)
                if !answers.isEmpty { return answers }
            } catch {
                if error.code == .cancelled { throw error }
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return []
    }

    /// Rule 2.
    package func candidates(_ name: String) -> [String] {
        guard !name.hasSuffix(".") else { return [name] }
        let searched = searchDomains.map { "\(name).\($0)" }
        return name.utf8.count(where: { $0 == 0x2E }) >= dotsMin ? [name] + searched : searched + [name]
    }

    /// Rule 1.
    private func ask(_ name: String, _ kind: DNSMessage.Kind) async throws(CacheError) -> [DNSMessage.Answer] {
        var failure = CacheError(.serverDown, "no name server")
        for _ in 0..<max(attempts, 1) {
            for server in servers {
                do throws(CacheError) {
                    let message = try await exchange(name, kind, server)
                    if message.code == 0 || message.code == 3 { return message.answers }
                    failure = CacheError(.refused, "name server \(server): code \(message.code) for \(name)")
                } catch {
                    if error.code == .cancelled { throw error }
                    failure = error
                }
            }
        }
        throw failure
    }

    /// Rule 4.
    private func exchange(
        _ name: String, _ kind: DNSMessage.Kind, _ server: SocketAddress
    ) async throws(CacheError) -> DNSMessage {
        let number = UInt16.random(in: .min ... .max)
        guard let question = DNSMessage.question(name, kind, number: number) else {
            throw CacheError(.refused, "\"\(name)\" is no name")
        }
        let read: @Sendable ([UInt8]) -> DNSMessage? = { DNSMessage($0, to: name, kind, number: number) }
        let brief = try await send(question, server, isStream: false, read)
        return brief.isTruncated ? try await send(question, server, isStream: true, read) : brief
    }

    private func send(
        _ question: [UInt8], _ server: SocketAddress, isStream: Bool,
        _ read: @escaping @Sendable ([UInt8]) -> DNSMessage?
    ) async throws(CacheError) -> DNSMessage {
        let eventLoop = eventLoopGroup.next()
        let answer = eventLoop.makePromise(of: DNSMessage.self)
        let initialize: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
            channel.eventLoop.makeCompletedFuture {
                if !isStream { try channel.pipeline.syncOperations.addHandler(Unwrapping()) }
                let asking = Asking(question, isStream: isStream, answer, read)
                try channel.pipeline.syncOperations.addHandler(asking)
            }
        }
        let connected =
            isStream
            ? ClientBootstrap(group: eventLoop).channelInitializer(initialize).connect(to: server)
            : DatagramBootstrap(group: eventLoop).channelInitializer(initialize).connect(to: server)
        let alarm = eventLoop.scheduleTask(in: timeout.timeAmount) {
            answer.fail(CacheError(.timeout, "name server \(server)"))
        }
        connected.whenFailure { answer.fail($0) }
        defer {
            alarm.cancel()
            connected.whenSuccess { $0.close(promise: nil) }
        }
        do {
            return try await withTaskCancellationHandler {
                try await answer.futureResult.get()
            } onCancel: {
                answer.fail(CacheError(.cancelled))
            }
        } catch {
            throw error as? CacheError ?? CacheError(.serverDown, "name server \(server)", underlying: error)
        }
    }

    /// One question on one socket. A datagram that is no answer to it is passed over; a stream has nothing but the
    /// answer, so that what is none ends it, and no more is kept of it than one message has.
    private final class Asking: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let question: [UInt8]
        private let isStream: Bool
        private let answer: EventLoopPromise<DNSMessage>
        private let read: @Sendable ([UInt8]) -> DNSMessage?
        private var pending = ByteBuffer()
        /// The stream's message has come.
        private var isOver = false

        init(
            _ question: [UInt8], isStream: Bool, _ answer: EventLoopPromise<DNSMessage>,
            _ read: @escaping @Sendable ([UInt8]) -> DNSMessage?
        ) {
            self.question = question
            self.isStream = isStream
            self.answer = answer
            self.read = read
        }

        func channelActive(context: ChannelHandlerContext) {
            var buffer = ByteBuffer()
            // Over TCP its length stands in front of each message.
            if isStream { buffer.writeInteger(UInt16(truncatingIfNeeded: question.count)) }
            buffer.writeBytes(question)
            if isStream {
                context.writeAndFlush(NIOAny(buffer), promise: nil)
            } else if let server = context.remoteAddress {
                context.writeAndFlush(
                    NIOAny(AddressedEnvelope(remoteAddress: server, data: buffer)), promise: nil)
            }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard isStream else {
                if let message = read(Array(unwrapInboundIn(data).readableBytesView)) { answer.succeed(message) }
                return
            }
            guard !isOver else { return }
            pending.writeImmutableBuffer(unwrapInboundIn(data))
            guard let length = pending.getInteger(at: pending.readerIndex, as: UInt16.self),
                let bytes = pending.getBytes(at: pending.readerIndex + 2, length: Int(length))
            else { return }
            isOver = true
            if let message = read(bytes) {
                answer.succeed(message)
            } else {
                answer.fail(CacheError(.protocolViolation, "the name server does not answer what it was asked"))
            }
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            answer.fail(CacheError(.connectionLost, "closed by the name server"))
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { answer.fail(error) }
    }

    /// Datagrams without the address that they came from: the socket takes them from the server alone.
    private final class Unwrapping: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias InboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.fireChannelRead(wrapInboundOut(unwrapInboundIn(data).data))
        }
    }
}
