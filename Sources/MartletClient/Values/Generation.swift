import NIOConcurrencyHelpers

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The number that stands in front of all keys of a namespace that can be emptied.
///
/// Rules:
/// 1. It is kept under the key `<namespace>generation`, on the server of that key, and read again when it is older than
///    `lag`.
/// 2. Where there is none, because it was evicted or its server is new, it begins with the time in microseconds: later
///    than all that were there before, so nothing that was dropped comes back.
/// 3. Emptying is adding one.
/// 4. A generation that cannot be read fails the call: any other would be wrong. A change that fails so is remembered
///    under the number known last, if there is one, like a change that did not reach its server.
/// 5. What was being read while this process emptied the namespace is not known behind it.
final class Generation: Sendable {
    private let lag: Duration

    private struct State {
        var known: (number: UInt64, until: ContinuousClock.Instant)?
        /// How often this process has begun or ended to empty the namespace: rule 5.
        var changeCount = 0
    }

    private let state = NIOLockedValueBox(State())

    init(lag: Duration) { self.lag = lag }

    private static let key: CacheKey = "generation"

    /// What stands in front of the keys, behind the namespace's own prefix.
    func prefix(in cache: CacheClient) async throws(CacheError) -> [UInt8] {
        let now = ContinuousClock.now
        let (known, changeCount) = state.withLockedValue { ($0.known, $0.changeCount) }
        if let known, known.until > now { return Self.prefix(known.number) }
        let key = Self.key.prefixed(cache.prefix)
        for _ in 0..<2 {
            let reply = try await cache.call(CacheRequest(.get, key))
            if let value = reply.usableValue {
                let number: UInt64 = try cache.decode(value, reply.clientFlags)
                state.withLockedValue { state in
                    if state.changeCount == changeCount { state.known = (number, now + lag) }
                }
                return Self.prefix(number)
            }
            var request = CacheRequest(.add, key)
            (request.value, request.clientFlags) = try cache.encode(Self.first)
            _ = try await cache.call(request)
        }
        throw CacheError(.refused, "the namespace's generation does not stay")
    }

    /// Rule 4: of the number known last, however long ago.
    var lastPrefix: [UInt8]? { state.withLockedValue { $0.known.map { Self.prefix($0.number) } } }

    /// Rule 5.
    private func forget() {
        state.withLockedValue { state in
            state.known = nil
            state.changeCount += 1
        }
    }

    /// Rule 3.
    func advance(in cache: CacheClient) async throws(CacheError) {
        let key = Self.key.prefixed(cache.prefix)
        forget()
        defer { forget() }
        var request = CacheRequest(.increment, key)
        request.initialNumber = Self.first
        let reply = try await cache.call(request)
        if reply.outcome == .missing {
            // An old server counts nothing that is not there; whoever adds it begins anew, which is as good.
            var request = CacheRequest(.add, key)
            (request.value, request.clientFlags) = try cache.encode(Self.first)
            _ = try await cache.call(request)
        }
    }

    private static func prefix(_ number: UInt64) -> [UInt8] { Array("\(number):".utf8) }

    /// Rule 2.
    private static var first: UInt64 { UInt64(Date().timeIntervalSince1970 * 1_000_000) }
}
