import Hummingbird
import MartletClient
import NIOCore

/// Hummingbird's persist framework on a cache: values kept from one request to the next, by any process of the service.
///
///     let persist = MartletPersistDriver(cache)
///     try await persist.create(key: "invitation:\(code)", value: invitation, expires: .seconds(3600))
///
/// Rules:
/// 1. `create` stores only where nothing is, else it throws `PersistError.duplicate`: of two at once one succeeds.
/// 2. `set` without `expires` keeps the life that the value has. It reads that first and stores on the version it has
///    seen, so that a change meanwhile is noticed and the whole begun anew.
/// 3. Values are JSON. One that is not what was asked for is `PersistError.invalidConversion`.
///
/// It is a cache: what is kept may be evicted, or go with its server. The client belongs to whoever made it: put it, or
/// its `CacheService`, among the application's services; this driver need not be.
public struct MartletPersistDriver: PersistDriver {
    /// Changes in a row by others after which a `set` is given up.
    private static let attemptsMax = 16

    private let cache: CacheClient

    /// - Parameter namespace: In front of every key.
    public init(_ cache: CacheClient, namespace: String = "persist") {
        self.cache = cache.namespace(namespace)
    }

    /// Rule 1.
    public func create<Object: Codable & Sendable>(key: String, value: Object, expires: Duration?) async throws {
        let isNew = try await cache.addValue(JSONValue(value), for: CacheKey(key), timeToLive: expires)
        guard isNew else { throw PersistError.duplicate }
    }

    /// Rule 2.
    public func set<Object: Codable & Sendable>(key: String, value: Object, expires: Duration?) async throws {
        let (key, value) = (CacheKey(key), JSONValue(value))
        guard expires == nil else { return try await cache.setValue(value, for: key, timeToLive: expires) }
        for _ in 0..<Self.attemptsMax {
            guard let item = try await cache.item(for: key, as: ByteBuffer.self) else {
                if try await cache.addValue(value, for: key) { return }
                continue
            }
            guard let version = item.version else { return try await cache.setValue(value, for: key) }
            let life = item.remainingTimeToLive
            if try await cache.setValue(value, for: key, ifVersionIs: version, timeToLive: life) == .stored { return }
        }
        throw CacheError(.refused, "changed by others \(Self.attemptsMax) times in a row")
    }

    public func get<Object: Codable & Sendable>(key: String, as type: Object.Type) async throws -> Object? {
        try await decoding { try await cache.value(for: CacheKey(key), as: JSONValue<Object>.self)?.content }
    }

    public func getWithTTL<Object: Codable & Sendable>(
        key: String, as type: Object.Type
    ) async throws -> (object: Object, ttl: Duration?)? {
        try await decoding {
            try await cache.item(for: CacheKey(key), as: JSONValue<Object>.self)
                .map { ($0.value.content, $0.remainingTimeToLive) }
        }
    }

    public func remove(key: String) async throws { try await cache.removeValue(for: CacheKey(key)) }

    /// Rule 3.
    private func decoding<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as CacheError where error.code == .undecodable {
            throw PersistError.invalidConversion
        }
    }
}

/// Any `Codable` as a value of the cache.
private struct JSONValue<Content: Codable & Sendable>: CacheValue, Sendable {
    let content: Content

    init(_ content: Content) { self.content = content }

    func encode(into buffer: inout ByteBuffer) throws -> UInt32 { try JSONCodec().encode(content, into: &buffer) }

    init(decoding buffer: ByteBuffer, clientFlags: UInt32) throws {
        content = try JSONCodec().decode(Content.self, from: buffer)
    }
}
