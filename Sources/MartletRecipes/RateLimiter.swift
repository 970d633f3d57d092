import MartletClient

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// So many requests in so much time, for each client, address or account, over all processes together.
///
///     let limiter = RateLimiter(cache, limit: 100, per: .seconds(60))
///     guard await limiter.allows(address).isAllowed else { throw HTTPError(.tooManyRequests) }
///
/// It is a cache that counts: a count that was evicted begins anew, and where the cache does not answer everybody is
/// let in, unless `whenCacheFails` says otherwise. It keeps load within bounds; it is no accounting.
///
/// Rules:
/// 1. Time is cut into windows of the same length, counted from 1970, so that all processes mean the same one. Clocks
///    that disagree by a part of a window blur it by that part.
/// 2. `fixed` counts the window alone: up to twice the limit may pass around its border. `sliding` adds so much of the
///    last window's count as is still within the time, as if that had been spread evenly.
/// 3. A request that is refused is counted as well: who does not stop asking is not let in.
public struct RateLimiter: Sendable {
    /// How requests are counted; rule 2.
    public enum Window: Sendable {
        /// One counter for each window: one call to the cache.
        case fixed
        /// With a part of the last window: two calls to the cache.
        case sliding
    }

    /// Who is let in while the cache cannot count.
    public enum CacheFailure: Sendable {
        /// Everybody.
        case allow
        /// Nobody.
        case refuse
    }

    /// What becomes of a request.
    public struct Decision: Sendable, Equatable {
        /// Whether it is within the limit.
        public var isAllowed: Bool
        /// Requests that would still be let in.
        public var remaining: UInt64
        /// How long the current window has yet to go: when to come again.
        public var retryAfter: Duration
    }

    private let cache: CacheClient
    /// What the requests of one window may cost together.
    public let limit: UInt64
    /// The length of a window.
    public let seconds: Int64
    /// How requests are counted.
    public var window = Window.sliding
    /// Who is let in while the cache cannot count: requests are not counted then.
    public var whenCacheFails = CacheFailure.allow
    /// The time since 1970, in seconds.
    private let now: @Sendable () -> Double

    /// - Parameter period: Whole seconds, one at least.
    public init(
        _ cache: CacheClient, limit: UInt64, per period: Duration,
        now: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 }
    ) {
        self.cache = cache.namespace("rate")
        self.limit = limit
        // Twice as long still has to be a number.
        seconds = max(min(period, .seconds(1 << 40)).components.seconds, 1)
        self.now = now
    }

    /// Counts a request of `subject`, which costs so much, and says whether it may go on.
    public func allows(_ subject: String, cost: UInt64 = 1) async -> Decision {
        let now = now()
        let index = Int64(now / Double(seconds))
        let passed = now / Double(seconds) - Double(index)
        let left = Duration.seconds((1 - passed) * Double(seconds))
        do throws(CacheError) {
            // It is needed for one window more.
            let life = Duration.seconds(seconds * 2)
            let count = try await cache.incrementCounter(
                key(subject, index), by: cost, initialValue: cost, timeToLive: life)
            // A counter that begins with something is always there, unless nobody keeps it.
            guard let count else { throw CacheError(.serverDown, "the requests are not counted") }
            var total = Double(count)
            if window == .sliding {
                let last = try await cache.value(for: key(subject, index - 1), as: UInt64.self) ?? 0
                total += Double(last) * (1 - passed)
            }
            // What is less than the limit, as floating point has it, fits.
            let used = total.rounded(.up)
            let remaining = used < Double(limit) ? limit - UInt64(used) : 0
            return Decision(isAllowed: total <= Double(limit), remaining: remaining, retryAfter: left)
        } catch {
            return Decision(isAllowed: whenCacheFails == .allow, remaining: 0, retryAfter: left)
        }
    }

    /// All windows of a subject on one server.
    private func key(_ subject: String, _ index: Int64) -> CacheKey {
        CacheKey("\(subject):\(seconds):\(index)", routingKey: "rate:\(subject)")
    }
}
