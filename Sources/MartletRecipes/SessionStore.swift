import MartletClient

/// Sessions of a web service: found by a random name, living as long as they are used.
///
///     let sessions = SessionStore<Session>(cache, timeToLive: .seconds(1800))
///     let name = try await sessions.begin(Session(user: 7))
///     let session = try await sessions.session(name)          // and its life begins anew
///
/// A session may be evicted, or go with its server: the user logs in again. What must not be lost belongs in a
/// database.
public struct SessionStore<Session: CacheValue & Sendable>: Sendable {
    private let cache: CacheClient
    /// How long a session lives that nobody asks for.
    public let timeToLive: Duration

    /// Sessions in a namespace of their own, `name`: another store with the same name finds them.
    public init(_ cache: CacheClient, name: String = "session", timeToLive: Duration) {
        self.cache = cache.namespace(name)
        self.timeToLive = timeToLive
    }

    /// Keeps a session; the name it is found by, of 128 random bits.
    public func begin(_ session: Session) async throws(CacheError) -> String {
        for _ in 0..<3 {
            let name = Self.randomName()
            if try await cache.addValue(session, for: CacheKey(name), timeToLive: timeToLive) { return name }
        }
        throw CacheError(.refused, "no free name")
    }

    /// The session, whose life begins anew; nil if there is none.
    public func session(_ name: String) async throws(CacheError) -> Session? {
        guard Self.isName(name) else { return nil }
        return try await cache.value(for: CacheKey(name), as: Session.self, extendingTimeToLive: timeToLive)
    }

    /// Changes a session that is there; nil if there is none. Changes made at once do not lose each other.
    public func update(_ name: String, _ change: (inout Session) throws -> Void) async throws -> Session? {
        guard Self.isName(name) else { return nil }
        return try await cache.updateValue(for: CacheKey(name), as: Session.self, timeToLive: timeToLive, change)
    }

    /// Gives a session another name, as after a login, so that whoever knew the old one knows nothing; nil if there is
    /// none.
    public func rename(_ name: String) async throws(CacheError) -> String? {
        guard let session = try await session(name) else { return nil }
        let fresh = try await begin(session)
        try await end(name)
        return fresh
    }

    /// Ends a session: its name finds nothing any longer. What is no name of a session is none, and no error.
    public func end(_ name: String) async throws(CacheError) {
        guard Self.isName(name) else { return }
        try await cache.removeValue(for: CacheKey(name))
    }

    private static func randomName() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let digits = String(generator.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }
        .joined()
    }

    /// Names come from browsers: what is none is not looked for.
    private static func isName(_ text: String) -> Bool {
        text.utf8.count == 32 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
