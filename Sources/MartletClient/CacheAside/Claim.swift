/// What a retrieval has won: that the one who asked recaches, while the others wait, or have what is there.
///
/// The server tells one client only. If nothing comes of it, the claim is given back, so that another one wins:
///
/// | what is there             | how the claim is given back                                                       |
/// | ------------------------- | --------------------------------------------------------------------------------- |
/// | an empty item: a lease    | it is removed                                                                     |
/// | something out of date     | it is declared out of date once more, and lives as long as before                 |
/// | a value due for a refresh | nothing is appended to it: that makes a new item with its value, flags and life   |
///
/// Each is done only if the item is still that which was won.
struct Claim: Sendable {
    private enum Kind: UInt8 { case lease, stale, refresh }

    private let kind: Kind
    /// Of the item that is there.
    let token: UInt64
    /// Of the lease that was taken with it in a migration's other pool.
    let otherToken: UInt64?
    /// Of something out of date, where the look has asked for it: the life it had, if the look gave it another one.
    private let exptime: Int32?

    /// nil if nothing was won, or nobody can tell which item it was.
    init?(_ reply: CacheReply) {
        guard reply.hasWon, let token = reply.token else { return nil }
        self.token = token
        otherToken = reply.otherToken
        exptime = reply.staleExptime
        if reply.isStale {
            kind = .stale
        } else if reply.isNothing {
            // It lives shortly, and is not refreshed.
            return nil
        } else {
            kind = reply.value?.readableBytes == 0 ? .lease : .refresh
        }
    }

    /// There is a value, which others have meanwhile.
    var isForValue: Bool { kind != .lease }

    /// The request that gives it back.
    func release(of key: CacheKey) -> CacheRequest {
        var request =
            switch kind {
            case .lease: CacheRequest(.delete, key)
            case .stale: CacheRequest(.invalidate, key)
            case .refresh: CacheRequest(.append, key)
            }
        request.expectedToken = token
        request.exptime = exptime
        return request
    }

    /// The request that removes the item: there is no value for it any longer.
    func removal(of key: CacheKey) -> CacheRequest {
        var request = CacheRequest(.delete, key)
        request.expectedToken = token
        return request
    }
}

extension CacheReply {
    /// Somebody is to recache what is not out of date: an item due for a refresh, or a lease.
    var isAwaited: Bool { !isStale && !isNothing && (hasWon || isBeingRecached) }

    /// Gives a lease back the life that it had when the reply was made, if it has told that: a life is for a value. No
    /// command does so to that lease alone: a value that has come in its place meanwhile lives no longer than the lease
    /// would have.
    func returnOfLife(to key: CacheKey) -> CacheRequest? {
        guard isLease, let secondsToLive, secondsToLive >= 0 else { return nil }
        var touch = CacheRequest(.touch, key)
        touch.exptime = TimeToLive.exptime(secondsLeft: secondsToLive)
        return touch
    }

    /// The life that an item out of date had when it was looked at; nil if that has no end, or nobody asked.
    var staleExptime: Int32? {
        guard isStale, let secondsToLive, secondsToLive >= 0 else { return nil }
        return TimeToLive.exptime(secondsLeft: secondsToLive)
    }
}
