/// Keys whose change may not have reached their server: what is under them there may be out of date.
///
/// Hinted handoff in the form that fits a cache: what is handed over later is that a value is no longer good, never a
/// value.
///
/// Rules:
/// 1. A set, a removal or an invalidation that failed leaves its key here, unless it was never due (too large,
///    refused).
/// 2. Before a server that was down is used again, its keys are removed there.
/// 3. A key that was changed successfully since is removed all the same: that costs a miss, and nothing more.
/// 4. Beyond `keysMax` the rest is not known by name, and the log says that it has overflowed.
struct InvalidationLog: Sendable {
    private(set) var keys: Set<CacheKey> = []
    private(set) var hasOverflowed = false
    private let keysMax: Int

    init(keysMax: Int) { self.keysMax = max(keysMax, 0) }

    var isEmpty: Bool { keys.isEmpty && !hasOverflowed }

    mutating func append(_ key: CacheKey) {
        if keys.count < keysMax { keys.insert(key) } else if !keys.contains(key) { hasOverflowed = true }
    }

    /// Everything in it; empty afterwards.
    mutating func takeAll() -> (keys: [CacheKey], hasOverflowed: Bool) {
        defer {
            keys = []
            hasOverflowed = false
        }
        return (Array(keys), hasOverflowed)
    }

    /// Whether a request that ended with `error` belongs here: rule 1.
    static func concerns(_ request: CacheRequest, _ error: CacheError) -> Bool {
        switch request.verb {
        case .set, .delete, .invalidate: break
        default: return false
        }
        switch error.code {
        case .timeout, .cancelled, .connectionLost, .serverDown, .overloaded, .protocolViolation, .unauthorized:
            return true
        default: return false
        }
    }
}
