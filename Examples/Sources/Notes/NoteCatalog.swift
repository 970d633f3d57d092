import MartletClient

/// The notes with the cache in front.
///
/// Rules:
/// 1. A note is read through the cache. One load per note, however many processes and requests ask; shortly before the
///    end of its life one request loads it anew, and nobody waits.
/// 2. That there is no such note is remembered, for a little while.
/// 3. A change goes to the database, and when that is committed the note is removed from the cache. Values are never
///    written to the cache on a change: of two changes at once the older might come last.
public struct NoteCatalog: Sendable {
    private static let life = Duration.seconds(300)

    private let store: NoteStore
    private let cache: CacheClient

    public init(_ store: NoteStore, cache: CacheClient) {
        self.store = store
        self.cache = cache.namespace("note")
    }

    /// Rules 1 and 2.
    private static let policy: LoadPolicy = {
        var policy = LoadPolicy.refreshing(ahead: .seconds(30))
        policy.negativeTimeToLive = .seconds(10)
        return policy
    }()

    public func note(_ id: Int64) async throws -> Note? {
        try await cache.valueIfAny(for: "\(id)", timeToLive: Self.life, policy: Self.policy) { [store] in
            try await store.note(id)
        }
    }

    /// Those that there are, in the order of `ids`; what the cache does not have is loaded in one question.
    public func notes(_ ids: [Int64]) async throws -> [Note] {
        let keys = Dictionary(ids.map { (CacheKey("\($0)"), $0) }) { first, _ in first }
        let found = try await cache.values(for: keys.keys, as: Note.self, timeToLive: Self.life) { [store] missing in
            let notes = try await store.notes(missing.compactMap { keys[$0] })
            return Dictionary(uniqueKeysWithValues: notes.map { (CacheKey("\($0.id)"), $0) })
        }
        return ids.compactMap { found[CacheKey("\($0)")] }
    }

    /// That there was none may be remembered.
    public func add(_ text: String) async throws -> Note {
        let note = try await store.add(text)
        await forget(note.id)
        return note
    }

    public func change(_ note: Note) async throws -> Bool {
        guard try await store.change(note) else { return false }
        await forget(note.id)
        return true
    }

    public func remove(_ id: Int64) async throws -> Bool {
        guard try await store.remove(id) else { return false }
        await forget(id)
        return true
    }

    /// Rule 3. The change is done: that the cache does not answer is no reason to say otherwise. The client remembers
    /// what it could not remove, and does so before it uses that server again.
    private func forget(_ id: Int64) async { _ = try? await cache.removeValue(for: "\(id)") }
}
