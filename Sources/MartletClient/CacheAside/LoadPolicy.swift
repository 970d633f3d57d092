/// How a value comes from its source into the cache: who loads, who waits, and what is served meanwhile.
public struct LoadPolicy: Sendable {
    /// What happens when the cache does not answer.
    public enum CacheFailure: Sendable {
        /// The source is asked; nothing is stored.
        case load
        /// The caller gets the error.
        case rethrow
    }

    /// Who finds nothing may load for so long, while others, in all processes, wait for the result. nil: everybody
    /// loads.
    ///
    /// A lease is an empty item in the value's place. Clients that do not know leases take it for an empty value: leave
    /// them out for keys that such clients read. 30 days at most, which more is taken for.
    public var lease: Duration? = .seconds(10)

    /// How long to wait for somebody else's load, before loading oneself, without storing the result.
    public var leaseWaitMax: Duration = .seconds(5)

    /// From when on before its end a value is loaded anew, by one caller, who has the old one like everybody else: a
    /// value that is asked for often enough then never makes anybody wait. At most half of its life; that there is
    /// nothing is not refreshed. Only a call for many keys, which loads them together, waits for that.
    ///
    /// A server without the meta protocol chooses nobody. There the caller's own luck does, by how long the load takes
    /// and how near the end is, and what is stored has a date in front that other clients do not understand.
    public var refreshAhead: Duration?

    /// How long a value stays behind its life: served, and loaded anew by one caller, in that time. 30 days at most,
    /// which more is taken for.
    public var staleGrace: Duration?

    /// How long it is remembered that the source has nothing; nil not at all. Clients that do not know of that take it
    /// for an empty value.
    public var negativeTimeToLive: Duration?

    /// Which part of a life is left to chance, so that what was stored together does not end together: 0...1.
    public var timeToLiveJitter: Double = 0.1

    /// Whether callers in one process share one load.
    public var coalesces = true

    /// Whether an old value that is still there is served when its load fails.
    public var servesStaleOnError = true

    /// How long a value that is there, if out of date or due for a refresh, is not loaded anew after its load has
    /// failed; then somebody else tries. A load that was cancelled says nothing of the source, and is made up for at
    /// once.
    public var retryDelay: Duration = .seconds(1)

    /// What a load does when the cache cannot be asked: an outage makes it slow, or makes it fail.
    public var whenCacheFails: CacheFailure = .load

    /// The same as `standard`.
    public init() {}

    /// Leases, and callers share.
    public static let standard = LoadPolicy()

    /// Look, load, store: no leases, for keys that other clients read as well. What was loaded is added if nothing is
    /// there, so a value that was removed while it was loaded may come back, until its life is over.
    public static let simple: LoadPolicy = {
        var policy = LoadPolicy()
        policy.lease = nil
        return policy
    }()

    /// With a refresh before the end.
    public static func refreshing(ahead: Duration) -> LoadPolicy {
        var policy = LoadPolicy()
        policy.refreshAhead = ahead
        return policy
    }

    /// The wait after a load that failed with `error`; nil for none.
    func pause(behind error: any Error) -> Duration? {
        let isCancelled = error is CancellationError || (error as? CacheError)?.code == .cancelled || Task.isCancelled
        return isCancelled || retryDelay <= .zero ? nil : min(retryDelay, TimeToLive.longest)
    }

    /// The seconds before the end of the item from which on a value is loaded anew.
    func refreshSeconds(_ timeToLive: Duration) -> Int32? {
        guard refreshAhead != nil || staleGrace != nil else { return nil }
        let grace = graceAllowed.map(TimeToLive.seconds) ?? 0
        let ahead = refreshAhead.map { TimeToLive.seconds(min($0, timeToLive / 2)) } ?? 0
        return Int32(clamping: min(grace + ahead, TimeToLive.relativeSecondsMax))
    }

    /// What is longer than a refresh can be asked for ahead would be served without one.
    var graceAllowed: Duration? { staleGrace.map { min($0, .seconds(TimeToLive.relativeSecondsMax)) } }

    var leaseSeconds: Int32? {
        lease.map { Int32(clamping: min(TimeToLive.seconds($0), TimeToLive.relativeSecondsMax)) }
    }

    /// The life of a value, up to a tenth or so shorter than asked for.
    func valueLife(_ timeToLive: Duration) -> Duration {
        min(timeToLive, TimeToLive.longest) * Double.random(in: (1 - min(max(timeToLiveJitter, 0), 1))...1)
    }
}
