import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import ServerTesting

/// etcd's HTTP gateway as far as the client asks it: keys with revisions, transactions on one key, leases, watches.
/// Time does not pass in it: a test ends leases.
final class EtcdGateway: Sendable {
    enum Mood: Sendable {
        case good
        /// Says that it has no leader.
        case unavailable
        /// Answers something else than JSON.
        case garbled
        /// Says nothing.
        case silent
    }

    struct Pair {
        var value: Data
        var revision: Int
        var lease: String?
    }

    fileprivate struct State {
        var mood = Mood.good
        var isOpen = false
        var revision = 1
        var pairs: [String: Pair] = [:]
        var leases: [String: Int] = [:]
        var watchers: [ObjectIdentifier: Watcher] = [:]
        var channels: [ObjectIdentifier: any Channel] = [:]
        var history: [(revision: Int, event: [String: any Sendable], key: String)] = []
        var compacted = 0
        var password: String?
        var tokens: Set<String> = []
        var asked: [String] = []
        /// What a token that is good no longer is answered.
        var staleness = Staleness(status: .unauthorized, message: "etcdserver: invalid auth token")
        /// Why watches are ended at once; nil if they are not.
        var watchRefusal: String?
        /// Paths that are neither done nor answered.
        var unheard: Set<String> = []
        /// Paths that are done once, whose answer is lost.
        var unanswered: Set<String> = []
    }

    struct Staleness: Sendable {
        var status: HTTPResponseStatus
        var message: String
    }

    fileprivate struct Watcher: Sendable {
        var channel: any Channel
        var first: String
        var end: String
    }

    let path: String
    private let state = NIOLockedValueBox(State())
    private let listener = NIOLockedValueBox<(any Channel)?>(nil)

    init() async throws {
        path = TestServer.freshSocketPath()
        try await start()
    }

    /// Also after `stop`, with all keys.
    func start() async throws {
        state.withLockedValue { $0.isOpen = true }
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Conversation(self))
                }
            }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        listener.withLockedValue { $0 = channel }
    }

    /// Closes the door and all connections.
    func stop() async {
        try? await listener.withLockedValue { $0.take() }?.close()
        let channels = state.withLockedValue { state in
            state.isOpen = false
            defer { (state.channels, state.watchers) = ([:], [:]) }
            return Array(state.channels.values)
        }
        for channel in channels { try? await channel.close() }
    }

    // MARK: What a test does and sees

    func set(_ mood: Mood) { state.withLockedValue { $0.mood = mood } }
    func require(password: String) { state.withLockedValue { $0.password = password } }
    func set(_ staleness: Staleness) { state.withLockedValue { $0.staleness = staleness } }
    /// Ends watches as soon as they begin, as for those who may read keys and not watch them.
    func refuseWatches(_ reason: String?) { state.withLockedValue { $0.watchRefusal = reason } }
    func set(revision: Int) { state.withLockedValue { $0.revision = revision } }
    func ignore(_ path: String) { state.withLockedValue { _ = $0.unheard.insert(path) } }
    func loseAnswer(to path: String) { state.withLockedValue { _ = $0.unanswered.insert(path) } }
    func forgetTokens() { state.withLockedValue { $0.tokens = [] } }
    var watcherCount: Int { state.withLockedValue { $0.watchers.count } }
    var leaseCount: Int { state.withLockedValue { $0.leases.count } }
    /// The paths asked for, in order.
    var asked: [String] { state.withLockedValue { $0.asked } }
    func value(_ key: String) -> String? {
        state.withLockedValue { $0.pairs[key].map { String(decoding: $0.value, as: UTF8.self) } }
    }

    func put(_ key: String, _ value: String, lease: String? = nil) {
        tell(state.withLockedValue { $0.put(key, Data(value.utf8), lease) })
    }

    func remove(_ key: String) { tell(state.withLockedValue { $0.remove(key) }) }

    /// Ends all leases, as when nobody has kept them alive.
    func endLeases() {
        let news = state.withLockedValue { state -> [News] in
            state.leases = [:]
            return state.pairs.filter { $0.value.lease != nil }.keys.flatMap { state.remove($0) }
        }
        tell(news)
    }

    /// Forgets changes, and ends the watches as etcd does for those who ask for what is forgotten.
    func compact() {
        let watchers = state.withLockedValue { state in
            state.compacted = state.revision
            state.history = []
            defer { state.watchers = [:] }
            return Array(state.watchers.values)
        }
        for watcher in watchers {
            Self.send(
                ["result": ["canceled": true, "compact_revision": "9"] as [String: any Sendable]], watcher.channel)
        }
    }

    fileprivate typealias News = (watcher: Watcher, event: [String: any Sendable])

    private func tell(_ news: [News]) {
        for (watcher, event) in news { Self.send(["result": ["events": [event]]], watcher.channel) }
    }

    fileprivate static func text(_ json: [String: any Sendable]) -> ByteBuffer {
        ByteBuffer(bytes: (try? JSONSerialization.data(withJSONObject: json)) ?? Data()) + "\n"
    }

    /// A line of a reply that goes on.
    private static func send(_ json: [String: any Sendable], _ channel: any Channel) {
        channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(text(json))), promise: nil)
    }

    // MARK: Requests

    /// The reply; nil if it goes on, or does not come.
    fileprivate func answer(
        _ path: String, _ body: Data, _ token: String?, _ channel: any Channel
    ) -> (status: HTTPResponseStatus, body: ByteBuffer)? {
        let message = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:]
        let (reply, news) = state.withLockedValue { state -> ((HTTPResponseStatus, ByteBuffer)?, [News]) in
            state.asked.append(path)
            switch state.mood {
            case .good: break
            case .unavailable: return ((.serviceUnavailable, Self.text(["message": "no leader", "code": 14])), [])
            case .garbled: return ((.ok, ByteBuffer(string: "<html>")), [])
            case .silent: return (nil, [])
            }
            if state.password != nil, path != "/v3/auth/authenticate", !state.tokens.contains(token ?? "") {
                return ((state.staleness.status, Self.text(["message": state.staleness.message])), [])
            }
            if state.unheard.contains(path) { return (nil, []) }
            let (reply, news) = state.answer(path, message, channel)
            guard state.unanswered.remove(path) != nil else { return (reply, news) }
            // Not under the lock, which the channel's end takes.
            channel.eventLoop.execute { channel.close(promise: nil) }
            return (nil, news)
        }
        tell(news)
        return reply
    }

    private final class Conversation: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let gateway: EtcdGateway
        private var head: HTTPRequestHead?
        private var body = Data()

        init(_ gateway: EtcdGateway) { self.gateway = gateway }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body(let buffer): body += Data(buffer.readableBytesView)
            case .end:
                let token = head?.headers.first(name: "authorization")
                guard let reply = gateway.answer(head?.uri ?? "", body, token, context.channel) else { return }
                let isWatch = head?.uri == "/v3/watch" && reply.status == .ok
                context.write(
                    wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: reply.status))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(reply.body))), promise: nil)
                if !isWatch { context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil) }
            }
        }

        func channelActive(context: ChannelHandlerContext) {
            // One that was on its way while the door was closed must not stay.
            if !gateway.welcomes(context.channel) { context.close(promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) { gateway.forget(context.channel) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private func welcomes(_ channel: any Channel) -> Bool {
        state.withLockedValue { state in
            guard state.isOpen else { return false }
            state.channels[ObjectIdentifier(channel)] = channel
            return true
        }
    }

    private func forget(_ channel: any Channel) {
        state.withLockedValue { state in
            state.watchers[ObjectIdentifier(channel)] = nil
            state.channels[ObjectIdentifier(channel)] = nil
        }
    }
}

extension EtcdGateway.State {
    private var header: [String: any Sendable] { ["revision": "\(revision)"] }

    private static func text(_ message: Any?) -> String {
        (message as? String).flatMap { Data(base64Encoded: $0) }.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    fileprivate mutating func answer(
        _ path: String, _ message: [String: Any], _ channel: any Channel
    ) -> ((HTTPResponseStatus, ByteBuffer)?, [EtcdGateway.News]) {
        var reply: [String: any Sendable] = ["header": header]
        var news: [EtcdGateway.News] = []
        let key = Self.text(message["key"])
        switch path {
        case "/v3/auth/authenticate":
            guard message["password"] as? String == password else {
                return ((.badRequest, EtcdGateway.text(["message": "authentication failed", "code": 3])), [])
            }
            tokens.insert("token-\(asked.count)")
            reply["token"] = "token-\(asked.count)"
        case "/v3/kv/range":
            let end = Self.text(message["range_end"])
            let found = pairs.filter { end.isEmpty ? $0.key == key : key <= $0.key && $0.key < end }
            reply["kvs"] = found.map { Self.described($0.key, $0.value) }
        case "/v3/kv/put":
            news = put(
                key, Data(base64Encoded: message["value"] as? String ?? "") ?? Data(), message["lease"] as? String)
        case "/v3/kv/txn":
            let compare = (message["compare"] as? [[String: Any]])?.first ?? [:]
            let name = Self.text(compare["key"])
            guard compare["mod_revision"] as? String == "\(pairs[name]?.revision ?? 0)" else { break }
            let put = ((message["success"] as? [[String: Any]])?.first?["request_put"] as? [String: Any]) ?? [:]
            news = self.put(name, Data(base64Encoded: put["value"] as? String ?? "") ?? Data(), nil)
            reply["succeeded"] = true
        case "/v3/lease/grant":
            let lease = "70\(asked.count)"
            leases[lease] = 1
            reply["ID"] = lease
        case "/v3/lease/keepalive":
            let lease = message["ID"] as? String ?? ""
            reply["result"] =
                (leases[lease] == nil ? ["ID": lease] : ["ID": lease, "TTL": "5"]) as [String: any Sendable]
        case "/v3/lease/revoke":
            let lease = message["ID"] as? String ?? ""
            leases[lease] = nil
            news = pairs.filter { $0.value.lease == lease }.keys.flatMap { remove($0) }
        case "/v3/watch": return (watch(message["create_request"] as? [String: Any] ?? [:], channel), [])
        default: return ((.notFound, ByteBuffer(string: "Not Found")), [])
        }
        reply["header"] = header
        return ((.ok, EtcdGateway.text(reply)), news)
    }

    private mutating func watch(
        _ creation: [String: Any], _ channel: any Channel
    ) -> (HTTPResponseStatus, ByteBuffer) {
        let start = Int(creation["start_revision"] as? String ?? "") ?? 0
        let watcher = EtcdGateway.Watcher(
            channel: channel, first: Self.text(creation["key"]), end: Self.text(creation["range_end"]))
        var lines = EtcdGateway.text(["result": ["created": true]])
        if let watchRefusal {
            let end: [String: any Sendable] = ["created": true, "canceled": true, "cancel_reason": watchRefusal]
            return (.ok, EtcdGateway.text(["result": end]))
        }
        guard start > compacted else {
            return (.ok, lines + EtcdGateway.text(["result": ["canceled": true]]))
        }
        watchers[ObjectIdentifier(channel)] = watcher
        for (revision, event, key) in history where revision >= start && watcher.first <= key && key < watcher.end {
            lines = lines + EtcdGateway.text(["result": ["events": [event]]])
        }
        return (.ok, lines)
    }

    private static func described(_ key: String, _ pair: EtcdGateway.Pair) -> [String: any Sendable] {
        [
            "key": Data(key.utf8).base64EncodedString(), "value": pair.value.base64EncodedString(),
            "mod_revision": "\(pair.revision)",
        ]
    }

    fileprivate mutating func put(_ key: String, _ value: Data, _ lease: String?) -> [EtcdGateway.News] {
        revision += 1
        let pair = EtcdGateway.Pair(value: value, revision: revision, lease: lease)
        pairs[key] = pair
        return note(["kv": Self.described(key, pair)], key)
    }

    fileprivate mutating func remove(_ key: String) -> [EtcdGateway.News] {
        guard pairs.removeValue(forKey: key) != nil else { return [] }
        revision += 1
        let pair: [String: any Sendable] = [
            "key": Data(key.utf8).base64EncodedString(), "mod_revision": "\(revision)",
        ]
        return note(["type": "DELETE", "kv": pair], key)
    }

    private mutating func note(_ event: [String: any Sendable], _ key: String) -> [EtcdGateway.News] {
        history.append((revision, event, key))
        return watchers.values.filter { $0.first <= key && key < $0.end }.map { ($0, event) }
    }
}

private func + (buffer: ByteBuffer, text: String) -> ByteBuffer {
    var buffer = buffer
    buffer.writeString(text)
    return buffer
}

private func + (buffer: ByteBuffer, other: ByteBuffer) -> ByteBuffer {
    var buffer = buffer
    buffer.writeImmutableBuffer(other)
    return buffer
}
