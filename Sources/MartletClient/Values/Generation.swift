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
///    than all that were there before, so nothing that was dropped comes back. Where there is a smaller one than was
///    known before, because lists of servers have come and gone and its server knows nothing of that, it begins so as
///    well. Who has not known a greater one cannot tell.
/// 3. Emptying is adding one. If that fails the generation is remembered like any key whose change failed: it is
///    removed before its server is used again, and begins anew by rule 2.
/// 4. A generation that cannot be read fails the call: any other would be wrong, also one from elsewhere in its
///    server's place. A change that fails so is remembered under the number known last, if there is one, like a change
///    that did not reach its server.
/// 5. What was being read while this process emptied the namespace is not known behind it, whichever view of the client
///    emptied it: all views of a namespace have the same generation.
final class Generation: Sendable {
    /// In front of the number: the namespace's own.
    private let namespace: [UInt8]

    private struct State {
        var known: (number: UInt64, at: ContinuousClock.Instant)?
        /// The greatest that was ever known, also behind rule 5.
        var greatest: UInt64 = 0
        /// How often this process has begun or ended to empty the namespace: rule 5.
        var changeCount = 0

        /// No clock says a number so great that there might be none behind it.
        mutating func know(_ number: UInt64) {
            if number <= .max / 2 { greatest = max(greatest, number) }
        }
    }

    private let state = NIOLockedValueBox(State())

    init(of namespace: [UInt8]) { self.namespace = namespace }

    /// Rule 1.
    private var key: CacheKey { CacheKey("generation").prefixed(namespace) }

    /// What stands in front of the keys, the namespace's own prefix with it.
    func prefix(in cache: CacheClient, lag: Duration) async throws(CacheError) -> [UInt8] {
        let now = ContinuousClock.now
        var (known, changeCount) = state.withLockedValue { ($0.known, $0.changeCount) }
        if let known, now - known.at < lag { return prefix(known.number) }
        let key = key
        var look = Self.request(.get, key)
        for _ in 0..<4 {
            let reply = try await cache.call(look)
            if let value = reply.usableValue {
                let number: UInt64 = try cache.decode(value, reply.clientFlags)
                let isLatest = state.withLockedValue { state -> Bool in
                    guard number >= state.greatest else { return false }
                    state.know(number)
                    if state.changeCount == changeCount { state.known = (number, now) }
                    return true
                }
                if isLatest { return prefix(number) }
                // It may have been read before this process emptied the namespace: once more, to replace just that one.
                if look.facts.contains(.token) { try await begin(key, insteadOf: reply, in: cache) }
                look.facts = .token
                changeCount = state.withLockedValue { $0.changeCount }
            } else {
                try await begin(key, in: cache)
            }
        }
        throw Self.doesNotStay
    }

    /// Rule 2: says whether it begins so; false if there is one, or another than the one it was to replace.
    @discardableResult
    private func begin(
        _ key: CacheKey, insteadOf old: CacheReply? = nil, in cache: CacheClient
    ) async throws(CacheError) -> Bool {
        var request = Self.request(old == nil ? .add : .set, key)
        request.expectedToken = old?.token
        let number = first
        (request.value, request.clientFlags) = try cache.encode(number)
        guard try await cache.call(request).outcome == .done else { return false }
        state.withLockedValue { $0.know(number) }
        return true
    }

    /// Rule 4: of the number known last, however long ago.
    var lastPrefix: [UInt8]? { state.withLockedValue { $0.known.map { prefix($0.number) } } }

    /// Rule 5.
    private func forget() {
        state.withLockedValue { state in
            state.known = nil
            state.changeCount += 1
        }
    }

    /// Rule 3.
    func advance(in cache: CacheClient) async throws(CacheError) {
        let key = key
        forget()
        defer { forget() }
        do throws(CacheError) {
            try await add(to: key, in: cache)
        } catch {
            cache.core.cluster.remember(CacheRequest(.delete, key).at(cache.rank), error)
            throw error
        }
    }

    private func add(to key: CacheKey, in cache: CacheClient) async throws(CacheError) {
        var request = Self.request(.increment, key)
        request.initialNumber = first
        for _ in 0..<2 {
            let reply = try await cache.call(request)
            if reply.outcome == .done {
                // If that is not the greatest, whoever reads it next replaces it.
                if let number = reply.number { state.withLockedValue { $0.know(number) } }
                return
            }
            // An old server counts nothing that is not there. What somebody else begins meanwhile is counted.
            if try await begin(key, in: cache) { return }
        }
        throw Self.doesNotStay
    }

    /// Rule 4: nobody answers in the place of its server.
    private static func request(_ verb: CacheRequest.Verb, _ key: CacheKey) -> CacheRequest {
        var request = CacheRequest(verb, key)
        request.isOfCopy = true
        return request
    }

    private static var doesNotStay: CacheError { CacheError(.refused, "the namespace's generation does not stay") }

    private func prefix(_ number: UInt64) -> [UInt8] { namespace + Array("\(number):".utf8) }

    /// Rule 2; where another machine's clock was ahead it is behind that.
    private var first: UInt64 {
        let now = UInt64(Date().timeIntervalSince1970 * 1_000_000)
        return max(now, state.withLockedValue { $0.greatest } + 1)
    }
}
