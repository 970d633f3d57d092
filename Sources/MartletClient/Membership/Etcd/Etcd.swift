import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// An etcd cluster that knows which servers there are, asked through its HTTP gateway (version 3.4 and later).
///
///     let etcd = try Etcd(endpoints: ["10.0.0.1:2379", "10.0.0.2:2379", "10.0.0.3:2379"])
///     let following = Task { await cache.follow(.etcd(etcd, pool: "users")) }
///
/// Of a pool there are
///
///     pools/<pool>                   the ring document: its servers (see `TopologySource.etcd`)
///     pools/<pool>/live/<server>     under a lease, while the server is alive
///
/// Rules:
/// 1. The endpoints are asked in turn, beginning with the last one that answered, each for `timeout`.
/// 2. The document is changed by a transaction: of two changes at once one begins anew.
/// 3. The end of a lease is a hint: the server is asked, and counts as down if it does not answer. The ring stays.
public struct Etcd: Sendable {
    /// How long one endpoint may take to answer.
    public var timeout: Duration = .seconds(2)
    /// Name and password, where etcd wants them.
    public var credentials: CacheCredentials?
    /// What stands in front of the pools' names.
    public var prefix = "pools/"
    /// Called with each new connection: what adds TLS. That of a `CacheConfiguration` after `useTLS` will do.
    public var prepareChannel: (@Sendable (any Channel, CacheServer) throws -> Void)?
    /// Where its connections live.
    public var eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton

    private let endpoints: [CacheServer]
    /// An endpoint was written as `https`.
    private let wantsTLS: Bool
    private let session = NIOLockedValueBox(Session())

    private struct Session {
        var place = 0
        /// Copies with other credentials have other tokens.
        var tokens: [Account: String] = [:]
    }

    private struct Account: Hashable {
        var user: String
        var password: String
    }

    private var account: Account? { credentials.map { Account(user: $0.user, password: $0.password) } }

    /// - Parameter endpoints: `host:port`, `http://host:port`, or `https://host:port`, which needs `prepareChannel`;
    ///   etcd's usual port is 2379.
    /// - Throws: A `CacheError` if there are none, or one is none.
    public init(endpoints: [String]) throws(CacheError) {
        var servers: [CacheServer] = []
        for endpoint in endpoints {
            var text = endpoint[...]
            for scheme in ["http://", "https://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
            if text.last == "/", text.first != "/" { text = text.dropLast() }
            guard let server = CacheServer(String(text)) else {
                throw CacheError(.refused, "\"\(endpoint)\" is no endpoint")
            }
            servers.append(server)
        }
        guard !servers.isEmpty else { throw CacheError(.refused, "no endpoints of etcd") }
        self.endpoints = servers
        wantsTLS = endpoints.contains { $0.hasPrefix("https://") }
    }

    func key(_ pool: String) -> String { prefix + pool }

    func liveKey(_ pool: String, _ server: String) -> String { "\(prefix)\(pool)/live/\(server)" }

    // MARK: Asking

    /// Rule 1. What is asked may be done although no answer came.
    func ask<Reply: Decodable>(
        _ path: String, _ message: some Encodable, as type: Reply.Type
    ) async throws(CacheError) -> Reply {
        try await askRepeatedly(path, message, as: type).reply
    }

    /// The reply, and whether an endpoint before the one that it came from was asked in vain, and may have done it.
    func askRepeatedly<Reply: Decodable>(
        _ path: String, _ message: some Encodable, as type: Reply.Type
    ) async throws(CacheError) -> (reply: Reply, isRepeated: Bool) {
        guard !wantsTLS || prepareChannel != nil else {
            throw CacheError(.unsupported, "https needs `prepareChannel`")
        }
        let body = try Self.encoded(message)
        let first = session.withLockedValue { $0.place }
        var failure = CacheError(.serverDown)
        for turn in endpoints.indices {
            let place = (first + turn) % endpoints.count
            do throws(CacheError) {
                let reply = try await authorized(place) { token throws(CacheError) in
                    try await exchange(place, path, body, token).reply()
                }
                session.withLockedValue { $0.place = place }
                return (try Self.decoded(reply, as: type), turn > 0)
            } catch {
                // Who has answered, if only with a no, speaks for all.
                switch error.code {
                case .refused, .unauthorized, .cancelled: throw error
                default: failure = error
                }
            }
        }
        throw failure
    }

    /// The lines of a reply that goes on, from the endpoint that answered last.
    func lines(_ path: String, _ message: some Encodable, life: Duration) throws(CacheError) -> EtcdExchange.Lines {
        let account = account
        let (place, tokens) = session.withLockedValue { ($0.place, $0.tokens) }
        let token = account.flatMap { tokens[$0] }
        return exchange(place, path, try Self.encoded(message), token, life: life).lines()
    }

    private func exchange(
        _ place: Int, _ path: String, _ body: [UInt8], _ token: String?, life: Duration? = nil
    ) -> EtcdExchange {
        EtcdExchange(
            endpoint: endpoints[place], path: "/v3/\(path)", body: body, token: token, timeout: timeout, life: life,
            prepareChannel: prepareChannel, eventLoops: eventLoopGroup)
    }

    /// With a token, if there are credentials; with a new one where the last one is good no longer.
    private func authorized(
        _ place: Int, _ body: (String?) async throws(CacheError) -> [UInt8]
    ) async throws(CacheError) -> [UInt8] {
        guard let account else { return try await body(nil) }
        if let token = session.withLockedValue({ $0.tokens[account] }) {
            do throws(CacheError) { return try await body(token) } catch {
                guard error.code == .unauthorized else { throw error }
            }
        }
        let login = EtcdMessage.Login(name: account.user, password: account.password)
        let reply: [UInt8]
        do throws(CacheError) {
            reply = try await exchange(place, "auth/authenticate", try Self.encoded(login), nil).reply()
        } catch {
            throw error.code == .refused ? CacheError(.unauthorized, error.message, server: error.server) : error
        }
        let token = try Self.decoded(reply, as: EtcdMessage.Token.self).token
        session.withLockedValue { $0.tokens[account] = token }
        return try await body(token)
    }

    // MARK: JSON

    private static func encoded(_ message: some Encodable) throws(CacheError) -> [UInt8] {
        do { return Array(try JSONEncoder().encode(message)) } catch {
            throw CacheError(.unencodable, underlying: error)
        }
    }

    static func decoded<Reply: Decodable>(
        _ text: [UInt8], as type: Reply.Type
    ) throws(CacheError) -> Reply {
        do { return try JSONDecoder().decode(type, from: Data(text)) } catch {
            throw CacheError(.protocolViolation, "not what etcd answers", underlying: error)
        }
    }
}

extension EtcdExchange {
    /// What etcd says, with this or that status, to a token from before its users were changed, or to none.
    private static let staleTokens = ["auth store is old", "revision in header is old", "user name is empty"]

    static func speaksOfToken(_ message: String) -> Bool { staleTokens.contains { message.contains($0) } }

    /// Why etcd said no, fit for a log.
    static func message(_ body: [UInt8]) -> String {
        let text = (try? JSONDecoder().decode(EtcdMessage.Refusal.self, from: Data(body)))?.message
        return text ?? String(decoding: body.prefix(200).map { $0 >= 0x20 && $0 < 0x7F ? $0 : 0x3F }, as: UTF8.self)
    }
}
