import NIOCore

/// What a look for one key asks, what its answer means, and how what is loaded then is stored: for a key by itself, and
/// for each of many.
struct Look<Value: CacheValue & Sendable>: Sendable {
    let cache: CacheClient
    /// With its namespace.
    let key: CacheKey
    let timeToLive: Duration
    let policy: LoadPolicy

    /// What the cache said.
    enum Finding {
        case value(Value?)
        /// A value that is due for a refresh, which is this look's to make.
        case refresh(Value?, Storing)
        /// The task of loading; with a value that is out of date, if there is one.
        case lead(Storing, stale: Value?)
        /// Somebody else is loading.
        case follow
        /// There is nothing, and no lease.
        case absent(Storing)
        /// No answer, or one that is no such value.
        case failed(CacheError, Storing)
    }

    /// How a loaded value is stored.
    enum Storing: Sendable {
        /// In the place of the item with this version, and of no other; the look may have won that.
        case replacing(CacheVersion?, Claim?)
        /// The same with a date in front.
        case replacingDated(CacheVersion?)
        /// If nothing has come meanwhile.
        case adding
        case addingDated
        /// In the place of something that is no value, and whose version is not known.
        case overwriting
        case never

        var isDated: Bool {
            switch self {
            case .replacingDated, .addingDated: true
            default: false
            }
        }

        var claim: Claim? { if case .replacing(_, let claim) = self { claim } else { nil } }
    }

    // MARK: Looking

    var request: CacheRequest {
        var request = CacheRequest(.get, key)
        request.leaseSeconds = policy.leaseSeconds
        request.refreshSeconds = policy.refreshSeconds(timeToLive)
        request.facts = .token
        return request
    }

    func finding(_ outcome: CallOutcome) -> Finding {
        switch outcome {
        case .success(let reply): finding(reply)
        // There is no list of parts where one should be.
        case .failure(let error): .failed(error, error.code == .undecodable ? .overwriting : .never)
        }
    }

    private func finding(_ reply: CacheReply) -> Finding {
        let isDated = reply.isClassic && policy.refreshSeconds(timeToLive) != nil
        guard reply.outcome == .done else { return .absent(isDated ? .addingDated : .adding) }
        let version = reply.token.map { CacheVersion(token: $0) }
        let storing: Storing = isDated ? .replacingDated(version) : .replacing(version, Claim(reply))
        // What is known to be nothing lives shortly enough to be nothing until then, unless it was declared out of
        // date.
        if reply.isNothing { return reply.hasWon && reply.isStale ? .lead(storing, stale: nil) : .value(nil) }
        guard let buffer = reply.usableValue else { return reply.hasWon ? .lead(storing, stale: nil) : .follow }
        let value: Value
        do throws(CacheError) {
            value = try cache.decode(buffer, reply.clientFlags)
        } catch {
            return .failed(error, storing)
        }
        if isDated { return isDue(buffer, reply) ? .refresh(value, storing) : .value(value) }
        guard reply.hasWon else { return .value(value) }
        return reply.isStale ? .lead(storing, stale: value) : .refresh(value, storing)
    }

    /// A value without a date was stored by somebody who needs none.
    private func isDue(_ buffer: ByteBuffer, _ reply: CacheReply) -> Bool {
        var buffer = buffer
        guard ClientFlags(rawValue: reply.clientFlags).contains(.dated) else { return false }
        return ValueDate(taking: &buffer)?.isDue(at: ValueDate.now, random: .random(in: 0..<1)) ?? false
    }

    // MARK: Storing

    /// The request that keeps what was loaded in `loadTime`, or that there is nothing; where that is not kept, the one
    /// that removes what the look has won, a lease or a value that the source no longer has. nil for neither.
    func change(to value: Value?, _ storing: Storing, loadTime: Duration) -> CacheRequest? {
        var request = CacheRequest(.set, key)
        switch storing {
        case .replacing(let version, _), .replacingDated(let version): request.expectedToken = version?.token
        case .adding, .addingDated: request.verb = .add
        case .overwriting: break
        case .never: return nil
        }
        request.otherToken = storing.claim?.otherToken
        let removal = storing.claim?.removal(of: key)
        if let value {
            let life = policy.valueLife(timeToLive)
            let date = storing.isDated ? ValueDate(life: life, load: loadTime) : nil
            guard let (buffer, flags) = try? cache.encode(value, date: date) else { return removal }
            (request.value, request.clientFlags) = (buffer, flags)
            request.exptime = TimeToLive.exptime(life + (policy.graceAllowed ?? .zero))
        } else {
            guard let life = policy.negativeTimeToLive else { return removal }
            request.clientFlags = ClientFlags.nothing.rawValue
            request.exptime = TimeToLive.exptime(life)
        }
        return request
    }
}
