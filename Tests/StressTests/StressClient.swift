import MartletStore
import StoreTesting

/// One thread's operations, and what it may check by itself: values are whole frames of their key, counters are
/// numbers, a token is always shown with the same value, and the tokens of a key never fall.
struct StressClient {
    private let client: StoreClient
    private let store: CacheStore
    private let thread: Int
    private let plan: StressPlan
    private var random: SplitMix
    private var version: UInt64 = 0
    private var newKeys = 0
    /// Token and fingerprint of the value last seen, by key.
    private var seen: [Int: (token: UInt64, fingerprint: UInt64)] = [:]
    private(set) var faults: [String] = []
    private(set) var counts = Counts()
    private var leases: [OpenLease] = []

    struct Counts {
        var hits = 0, misses = 0, stored = 0
        /// For want of memory.
        var refused = 0
    }

    private final class OpenLease {
        let key: Int
        let lease: ItemLease

        init(_ lease: consuming ItemLease, key: Int) {
            self.key = key
            self.lease = lease
        }
    }

    init(_ client: StoreClient, of store: CacheStore, thread: Int, _ plan: StressPlan) {
        self.client = client
        self.store = store
        self.thread = thread
        self.plan = plan
        random = SplitMix(seed: plan.seed << 8 | UInt64(thread))
    }

    mutating func run() {
        for number in 0..<plan.operationsPerThread {
            if number % 64 == 0 {
                plan.awaitLimit(behind: number)
                client.session.setNow(plan.clock.now)
            }
            if plan.flushesHalfway, number == plan.operationsPerThread / 2 { flush(isDelayed: thread % 2 == 1) }
            act()
            if leases.count > plan.leasesMax { checkLease(leases.removeFirst()) }
        }
        for lease in leases { checkLease(lease) }
        leases = []
    }

    private mutating func act() {
        if plan.newKeysPercent > 0, random.below(100) < plan.newKeysPercent {
            storeNewKey()
            return
        }
        // Few keys are hot, all are in use.
        let key = random.below(3) == 0 ? random.below(20) : random.below(plan.keyCount)
        let name = "stress-\(key)"
        switch random.below(100) {
        case ..<36: read(key, name)
        case ..<56: store(key, name, .set)
        case ..<60: store(key, name, .add)
        case ..<63: store(key, name, .replace)
        case ..<67: store(key, name, random.below(2) == 0 ? .append : .prepend)
        case ..<72: compareAndSet(key, name)
        case ..<78: count(client.delete(name) == .done)
        case ..<84: arithmetic()
        case ..<88: _ = client.touch(name, expiry())
        case ..<91: invalidate(name)
        case ..<93: vivify(key, name)
        case ..<99: stream(key, name)
        default:
            if random.below(2) == 0 || plan.newKeysPercent > 0 {
                // So often, no table would come to grow: see `flushesHalfway`.
                movePage()
            } else {
                flush(isDelayed: random.below(20) > 0)
            }
        }
    }

    private func flush(isDelayed: Bool) {
        if isDelayed { client.session.flushAll(at: client.session.now + 1) } else { client.session.flushAll() }
    }

    /// Pages move all the time, wanted or not, by the client as far as the maintainer does not come before it.
    private mutating func movePage() {
        let givers = store.statistics().classes.filter { $0.pageCount > 1 }
        if givers.isEmpty { return }
        let giver = random.below(4) == 0 ? nil : givers[random.below(givers.count)].id
        let taker = random.below(8) == 0 ? 0 : givers[random.below(givers.count)].id
        _ = store.reassign(from: giver, to: taker, session: client.session)
        for _ in 0..<random.below(30) where !client.session._advanceMove() { break }
    }

    // MARK: Reading

    private mutating func read(_ key: Int, _ name: String) {
        let takesLease = random.below(4) == 0
        var lease: OpenLease?
        let found = client.hold(name, newExpiry: random.below(10) == 0 ? expiry() : nil) { hold -> (UInt64, [UInt8]) in
            if takesLease, hold.isLeasable { lease = OpenLease(hold.lease(), key: key) }
            return (hold.token, hold.bytes)
        }
        if let lease { leases.append(lease) }
        count(found != nil)
        guard let (token, value) = found else { return }
        check(value, of: key)
        let fingerprint = KeyHash(secret: (1, 2)).fingerprint(value)
        if let (before, known) = seen[key] {
            if token < before { fault("key \(key): token \(token) after \(before)") }
            if token == before, fingerprint != known { fault("key \(key): token \(token) with two values") }
        }
        seen[key] = (token, fingerprint)
    }

    private mutating func checkLease(_ open: OpenLease) {
        check(open.lease.bytes, of: open.key)
    }

    private mutating func check(_ value: [UInt8], of key: Int) {
        if let reason = Frame.fault(in: value, of: key) { fault("key \(key): \(reason)") }
    }

    // MARK: Storing

    private mutating func frame(_ key: Int) -> [UInt8] {
        version += 1
        return Frame(key: key, version: version << 8 | UInt64(thread), bodyLength: plan.bodyLength(&random)).bytes
    }

    private mutating func store(_ key: Int, _ name: String, _ mode: StoreMode) {
        var request = StoreRequest(mode: mode, clientFlags: UInt32(random.below(3)), expiry: expiry())
        if mode == .append || mode == .prepend, random.below(2) == 0 { request.vivifyExpiry = expiry() }
        note(client.store(name, frame(key), request))
    }

    /// A key that nobody else has, sometimes read again soon.
    private mutating func storeNewKey() {
        newKeys += 1
        let number = newKeys * 64 + thread
        note(client.store("new-\(number)", frame(number), StoreRequest(mode: .set, expiry: expiry())))
        if random.below(8) != 0 { return }
        let older = random.below(newKeys + 1) * 64 + thread
        if let value = client.value("new-\(older)") { check(value, of: older) }
    }

    private mutating func compareAndSet(_ key: Int, _ name: String) {
        guard let token = client.token(name) else { return }
        let request = StoreRequest(
            mode: .set, expiry: expiry(), compareToken: .exactly(token), storesStaleWhenOlder: random.below(3) == 0)
        note(client.store(name, frame(key), request))
    }

    /// A value in pieces: stored, given up, or stored after other things have been done.
    private mutating func stream(_ key: Int, _ name: String) {
        let value = frame(key)
        let ending = random.below(4)
        let pieceBytes = 500 + random.below(20_000)
        let outcome = client.withKey(name) { itemKey -> StoreOutcome? in
            let reserved = client.session.reserve(itemKey, valueLength: value.count)
            guard case .reserved(var reservation) = reserved else { return StoreOutcome(.noMemory) }
            if ending == 0 {
                let span = reservation.writableSpan()
                let count = min(span.count, value.count, pieceBytes)
                span.copyBytes(from: value[..<count])
                reservation.advance(count)
                return nil
            }
            guard fillReservation(&reservation, value, pieceBytes: pieceBytes) else { return StoreOutcome(.noMemory) }
            if ending == 1 { _ = client.delete(name) }
            return client.session.commit(reservation, StoreRequest(mode: .set, expiry: 0))
        }
        if let outcome { note(outcome) }
    }

    private mutating func invalidate(_ name: String) {
        let request = InvalidateRequest(
            marksStale: random.below(2) == 0, dropsValue: random.below(3) == 0,
            newExpiry: random.below(3) == 0 ? expiry() : nil)
        if client.invalidate(name, request) == .noMemory { counts.refused += 1 }
    }

    private mutating func vivify(_ key: Int, _ name: String) {
        let expiry = expiry()
        let value = client.withKey(name) { key -> [UInt8]? in
            guard let hold = client.session.vivify(key, expiry: expiry, explicitToken: nil) else { return nil }
            return hold.bytes
        }
        if let value { check(value, of: key) } else { counts.refused += 1 }
    }

    private mutating func arithmetic() {
        let name = "counter-\(random.below(8))"
        let delta = UInt64(random.below(1000))
        let outcome = client.withKey(name) {
            client.session.arithmetic(
                $0,
                ArithmeticRequest(
                    delta: delta, isDecrement: random.below(4) == 0, newExpiry: random.below(9) == 0 ? 0 : nil,
                    vivifyExpiry: 0, vivifySeed: 5))
        }
        switch outcome.result {
        case .changed, .vivified: break
        case .noMemory: counts.refused += 1
        default: fault("\(name): \(outcome.result)")
        }
    }

    // MARK: Notes

    private mutating func expiry() -> UInt32 {
        random.below(3) == 0 ? client.session.now + UInt32(1 + random.below(4)) : 0
    }

    private mutating func note(_ outcome: StoreOutcome) {
        if outcome.result == .stored { counts.stored += 1 }
        if outcome.result == .noMemory { counts.refused += 1 }
    }

    private mutating func count(_ isHit: Bool) {
        if isHit { counts.hits += 1 } else { counts.misses += 1 }
    }

    private mutating func fault(_ reason: String) {
        if faults.count < 5 { faults.append("thread \(thread): \(reason)") }
    }
}

extension KeyHash {
    fileprivate func fingerprint(_ value: [UInt8]) -> UInt64 {
        value.isEmpty ? 0 : value.withUnsafeBytes { self($0.baseAddress!, $0.count) }
    }
}
