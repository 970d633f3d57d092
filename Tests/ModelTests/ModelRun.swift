import MartletStore
import StoreTesting

/// A store, two clients of it and the model beside them: carries out steps and judges the answers.
///
/// 1. A step is one operation of a client. Where the store passes an unlock in it, operations of the other client are
///    run, as a thread might that has waited for the lock. (Only debug builds of the store tell; release builds run
///    none.)
/// 2. When the step is over, its answers must be explained key by key: the outer operation at some place among the
///    nested.
/// 3. No small store is refused while nothing is leased or reserved: something could have gone, unless nothing ever
///    goes.
/// 4. After each step every invariant of the store holds.
final class ModelRun {
    /// Why a run failed, and at which step.
    struct Failure: Error {
        let step: Int
        let reason: String
    }

    static let reservationSlots = 3
    static let leaseSlots = 4

    let configuration: ModelConfiguration
    private let fixture: StoreFixture
    private let clients: [StoreClient]
    private let keys: [ItemKey]
    private let keyMemory: UnsafeMutableRawPointer
    private var models: [KeyModel]
    private(set) var now: UInt32 = 100
    private var dueFlush: UInt32 = 0
    private var limitBytes: Int

    private var reservations: [OpenReservation?] = Array(repeating: nil, count: reservationSlots)
    private var leases: [OpenLease?] = Array(repeating: nil, count: leaseSlots)
    /// Tokens that the clients have seen, by key, the last one last.
    private var seenTokens: [[UInt64]]
    private var issuedTokens = Set<UInt64>()
    private(set) var counts = Counts()

    // The step under way.
    private var isNested = false
    private var passedUnlocks = 0
    private var step = Step(0, .flush)
    private var nestedEvents: [Event] = []
    private var complaint: String?

    /// What happened, to see that a run has met what it is meant to meet.
    struct Counts {
        var hits = 0, misses = 0, stored = 0, refusals = 0, nested = 0, leases = 0, commits = 0
        var moves = 0, relocated = 0
    }

    /// A reservation under way.
    private final class OpenReservation {
        let client: Int
        let key: Int
        let value: Value
        private var reservation: ItemReservation?

        init(_ reservation: consuming ItemReservation, client: Int, key: Int, value: Value) {
            self.client = client
            self.key = key
            self.value = value
            self.reservation = consume reservation
        }

        /// Fills up to `bytes` more; false if there is no memory.
        func receive(_ bytes: Int) -> Bool {
            var left = bytes
            while left > 0, let remaining = reservation?.remaining, remaining > 0 {
                guard let count = fillPiece(value.bytes[(value.count - remaining)...], left) else { return false }
                left -= count
            }
            return true
        }

        private func fillPiece(_ rest: ArraySlice<UInt8>, _ most: Int) -> Int? {
            guard let span = reservation?.writableSpan(), !span.isEmpty else { return nil }
            let count = min(span.count, most)
            span.copyBytes(from: rest.prefix(count))
            reservation?.advance(count)
            return count
        }

        func take() -> ItemReservation {
            reservation.take()!
        }
    }

    private final class OpenLease {
        let value: Value
        let lease: ItemLease

        init(_ lease: consuming ItemLease, _ value: Value) {
            self.lease = lease
            self.value = value
        }
    }

    init(_ configuration: ModelConfiguration) throws {
        self.configuration = configuration
        limitBytes = configuration.megabytes << 20
        var settings = StoreSettings()
        settings.memoryLimitBytes = limitBytes
        settings.itemBytesMax = configuration.itemBytesMax
        settings.eviction = configuration.eviction
        settings.temporarySeconds = configuration.temporarySeconds
        settings.isMemcachedMode = configuration.isMemcachedMode
        if configuration.isMemcachedMode { (settings.growthFactor, settings.chunkBytesMin) = (1.25, 48) }
        fixture = try StoreFixture(settings, now: now)
        clients = fixture.clients(2)
        keyMemory = .allocate(byteCount: 32 * configuration.keyCount, alignment: 1)
        var keys: [ItemKey] = []
        for number in 0..<configuration.keyCount {
            let bytes = Self.key(number, configuration)
            let start = keyMemory + 32 * number
            start.copyMemory(from: bytes, byteCount: bytes.count)
            keys.append(ItemKey(bytes: start, count: bytes.count, hash: clients[0].session.hash(start, bytes.count)))
        }
        self.keys = keys
        models = keys.map {
            KeyModel(
                keyBytes: $0.count, itemBytesMax: configuration.itemBytesMax,
                itemOverheadBytes: configuration.itemOverheadBytes, mayVanish: configuration.mayVanish)
        }
        seenTokens = keys.map { _ in [] }
        #if DEBUG
        fixture.store._setHook { [unowned self] in passUnlock() }
        #endif
    }

    /// The counts, with what the store has counted.
    var countsAtEnd: Counts {
        let statistics = fixture.store.statistics()
        var counts = counts
        counts.relocated = statistics.itemsRelocated + statistics.partsRelocated
        return counts
    }

    deinit {
        #if DEBUG
        fixture.store._setHook(nil)
        #endif
        reservations = []
        leases = []
        keyMemory.deallocate()
    }

    /// Colliding keys are of three kinds: of one hash, of their stripe, and any.
    private static func key(_ number: Int, _ configuration: ModelConfiguration) -> [UInt8] {
        switch configuration.keysCollide ? number % 3 : 2 {
        case 0: StoreFixture.collidingKey(number)
        case 1: stripeMates[number / 3]
        default: Array("key-\(number)".utf8)
        }
    }

    private static let keyCountMax = 90

    /// Keys in the stripe of the keys of one hash; 1,024 stripes, as in all stores of runs.
    private static let stripeMates: [[UInt8]] = {
        let hash = KeyHash(secret: StoreFixture.secret)
        let stripe = StoreFixture.collidingKey(0).withUnsafeBytes { hash($0.baseAddress!, $0.count) } & 1023
        var mates: [[UInt8]] = []
        var number = 0
        while mates.count < keyCountMax / 3 {
            let key = Array("mate-\(number)".utf8)
            if key.withUnsafeBytes({ hash($0.baseAddress!, $0.count) }) & 1023 == stripe { mates.append(key) }
            number += 1
        }
        return mates
    }()

    // MARK: Steps

    /// Runs all steps; returns the first failure.
    func run(_ steps: [Step]) -> Failure? {
        for (number, step) in steps.enumerated() {
            if let reason = run(step) { return Failure(step: number, reason: reason) }
        }
        return nil
    }

    /// Runs one step; returns why it failed.
    func run(_ step: Step) -> String? {
        self.step = step
        passedUnlocks = 0
        nestedEvents = []
        complaint = nil
        isNested = false
        let isFree = isNothingOutstanding && configuration.eviction.evicts
        let outer = perform(step.operation, step.client)
        isNested = true
        if let complaint { return complaint }
        for event in nestedEvents + [outer].compactMap({ $0 }) {
            if let complaint = takeIn(event) { return complaint }
            if event.isRefusal, isFree, isNothingOutstanding, event.storedBytes <= limitBytes / 2 {
                return "refused although something could have gone: \(event.action) -> \(event.answer)"
            }
        }
        for key in keys.indices {
            let nested = nestedEvents.filter { $0.key == nil || $0.key == key }
            let own = outer.flatMap { $0.key == nil || $0.key == key ? $0 : nil }
            if nested.isEmpty, own == nil { continue }
            let before = models[key]
            if !models[key].accept(outer: own, nested: nested, now: now) {
                return describe(key, before, own, nested)
            }
        }
        return fixture.store._brokenInvariant(
            expectedReservations: reservations.count { $0 != nil }, expectedLeases: leases.count { $0 != nil })
    }

    private var isNothingOutstanding: Bool {
        reservations.allSatisfy { $0 == nil } && leases.allSatisfy { $0 == nil }
    }

    /// Rule 1.
    private func passUnlock() {
        if isNested { return }
        defer { passedUnlocks += 1 }
        guard step.nested.contains(where: { $0.0 == passedUnlocks }) else { return }
        isNested = true
        for (place, operation) in step.nested where place == passedUnlocks {
            if case .maintain = operation, case .maintain = step.operation { continue }
            counts.nested += 1
            if let event = perform(operation, 1 - step.client) { nestedEvents.append(event) }
        }
        isNested = false
    }

    /// What concerns all keys at once: tokens are never issued twice.
    private func takeIn(_ event: Event) -> String? {
        if let token = event.issuedToken, !issuedTokens.insert(token).inserted {
            return "token \(token) was issued twice"
        }
        if let key = event.key, let token = event.shownToken, seenTokens[key].last != token {
            seenTokens[key].append(token)
        }
        if event.isRefusal { counts.refusals += 1 }
        switch event.answer {
        case .stored(let outcome): counts.stored += outcome.result == .stored ? 1 : 0
        case .held(let snapshot):
            counts.hits += snapshot == nil ? 0 : 1
            counts.misses += snapshot == nil ? 1 : 0
        default: break
        }
        return nil
    }

    private func describe(_ key: Int, _ before: KeyModel, _ outer: Event?, _ nested: [Event]) -> String {
        var lines = ["no order of these explains the answers about key \(key) at second \(now)"]
        lines += before.states.map { "  before: \($0)" }
        lines += nested.map { "  nested: \($0.action) -> \($0.answer)" }
        if let outer { lines.append("  outer: \(outer.action) -> \(outer.answer)") }
        return lines.joined(separator: "\n")
    }

    // MARK: Operations

    private func perform(_ operation: Operation, _ client: Int) -> Event? {
        let session = clients[client].session
        switch operation {
        case .store(let key, let content, let choice):
            return store(key, Value(content), choice, clients[client])
        case .hold(let key, let choice):
            return hold(key, choice, session)
        case .vivify(let key, let lifetime, let explicit):
            let expiry = lifetime.expiry(now: now)
            let snapshot = Self.snapshot(session.vivify(keys[key], expiry: expiry, explicitToken: explicit))
            return Event(key: key, action: .vivify(expiry: expiry, explicit: explicit), answer: .held(snapshot))
        case .delete(let key, let compare):
            let compare = token(compare, key)
            let result = session.delete(keys[key], compareToken: compare).result
            return Event(key: key, action: .delete(compare: compare), answer: .deleted(result))
        case .invalidate(let key, let choice):
            let request = InvalidateRequest(
                compareToken: token(choice.compare, key), explicitToken: choice.explicit, marksStale: choice.marksStale,
                dropsValue: choice.dropsValue, clientFlags: choice.flags, newExpiry: choice.touch?.expiry(now: now))
            let result = session.invalidate(keys[key], request).result
            return Event(key: key, action: .invalidate(request), answer: .deleted(result))
        case .arithmetic(let key, let choice):
            let request = ArithmeticRequest(
                delta: choice.delta, isDecrement: choice.isDecrement, compareToken: token(choice.compare, key),
                explicitToken: choice.explicit, newExpiry: choice.touch?.expiry(now: now),
                vivifyExpiry: choice.vivify?.expiry(now: now), vivifySeed: choice.seed)
            let outcome = session.arithmetic(keys[key], request)
            return Event(key: key, action: .arithmetic(request), answer: .counted(outcome))
        case .reserve(let slot, let key, let content):
            reserve(slot, key, Value(content), client)
        case .receive(let slot, let bytes):
            if let open = reservations[slot], open.client == client, !open.receive(bytes) { give(up: slot) }
        case .commit(let slot, let choice):
            return commit(slot, choice, client)
        case .abort(let slot):
            if reservations[slot]?.client == client { give(up: slot) }
        default:
            return administer(operation, clients[client])
        }
        return nil
    }

    /// Operations that are not about one key.
    private func administer(_ operation: Operation, _ client: StoreClient) -> Event? {
        switch operation {
        case .release(let slot):
            // Ends when the slot is already empty: the end passes an unlock, at which the slot may be looked at.
            guard let open = leases[slot] else { return nil }
            leases[slot] = nil
            if Value(open.lease.bytes) != open.value { complaint = "the leased value in slot \(slot) has changed" }
        case .flush:
            client.session.flushAll()
            return Event(key: nil, action: .flush, answer: .none)
        case .flushLater(let seconds):
            dueFlush = now + seconds
            client.session.flushAll(at: dueFlush)
        case .advance(let seconds):
            // Nothing nested here: the clients' clocks differ until all have moved.
            isNested = true
            defer { isNested = false }
            now += seconds
            for client in clients { client.session.setNow(now) }
            fixture.session.setNow(now)
            guard dueFlush != 0, dueFlush <= now else { return nil }
            dueFlush = 0
            return Event(key: nil, action: .flush, answer: .none)
        case .maintain(let passes):
            for _ in 0..<passes where !fixture.store.maintain(now: now) { break }
        case .reassign(let from, let to):
            let givers = fixture.store.statistics().classes.filter { $0.pageCount > 1 }
            if givers.isEmpty { break }
            let giver = givers[from % givers.count].id
            let outcome = fixture.store.reassign(
                from: giver, to: min(to, fixture.store.slabClassMax), session: client.session)
            if outcome == .started { counts.moves += 1 }
        case .advanceMove(let slices):
            for _ in 0..<slices where !client.session._advanceMove() { break }
        case .setLimit(let megabytes):
            if fixture.store.setMemoryLimit(bytes: megabytes << 20) { limitBytes = megabytes << 20 }
        case .fill(let first, let count, let length, let lifetime):
            let value = Value(.pattern(1, length: length)).bytes
            let request = StoreRequest(mode: .set, expiry: lifetime.expiry(now: now))
            for number in first..<first + count { _ = client.store("fill-\(number)", value, request) }
        default:
            preconditionFailure("an operation on a key")
        }
        return nil
    }

    private func token(_ choice: TokenChoice, _ key: Int) -> ComparedToken? {
        switch choice {
        case .none: nil
        case .last: .exactly(seenTokens[key].last ?? 7)
        case .older: .exactly(seenTokens[key].dropLast().last ?? 6)
        case .exactly(let token): .exactly(token)
        case .noItem: .noItem
        }
    }

    private func request(_ choice: StoreChoice, _ key: Int) -> StoreRequest {
        StoreRequest(
            mode: choice.mode, clientFlags: choice.flags, expiry: choice.lifetime.expiry(now: now),
            compareToken: token(choice.compare, key), explicitToken: choice.explicit,
            storesStaleWhenOlder: choice.storesStale, vivifyExpiry: choice.vivify?.expiry(now: now))
    }

    private func store(_ key: Int, _ value: Value, _ choice: StoreChoice, _ client: StoreClient) -> Event {
        let request = request(choice, key)
        let outcome: StoreOutcome
        if let pieceBytes = choice.pieceBytes {
            outcome = client.storeInPieces(keys[key], value.bytes, request, pieceBytes: pieceBytes)
        } else {
            outcome = value.bytes.withUnsafeBytes { client.session.store(keys[key], $0, request) }
        }
        return Event(key: key, action: .store(value, request), answer: .stored(outcome))
    }

    private func hold(_ key: Int, _ choice: HoldChoice, _ session: StoreSession) -> Event {
        let newExpiry = choice.touch?.expiry(now: now)
        let snapshot: Event.Snapshot?
        if var hold = session.hold(keys[key], bump: choice.bump, newExpiry: newExpiry) {
            let seen = Event.Snapshot(hold)
            snapshot = seen
            if choice.givesWin { hold.setWinSent() }
            if let slot = choice.lease, leases[slot] == nil, hold.isLeasable {
                leases[slot] = OpenLease(hold.lease(), seen.value)
                counts.leases += 1
            }
        } else {
            snapshot = nil
        }
        return Event(
            key: key, action: .hold(newExpiry: newExpiry, givesWin: choice.givesWin), answer: .held(snapshot))
    }

    private static func snapshot(_ hold: consuming ItemHold?) -> Event.Snapshot? {
        guard let hold else { return nil }
        return Event.Snapshot(hold)
    }

    private func reserve(_ slot: Int, _ key: Int, _ value: Value, _ client: Int) {
        guard reservations[slot] == nil else { return }
        switch clients[client].session.reserve(keys[key], valueLength: value.count) {
        case .reserved(let reservation):
            // The other client may have taken the slot meanwhile.
            guard reservations[slot] == nil else { return }
            reservations[slot] = OpenReservation(reservation, client: client, key: key, value: value)
        case .tooLarge:
            if configuration.itemOverheadBytes + keys[key].count + value.count <= configuration.itemBytesMax {
                complaint = "a value of \(value.count) bytes was too large to reserve"
            }
        case .noMemory:
            if !configuration.mayVanish { complaint = "there was no memory to reserve \(value.count) bytes" }
        case .noRoom:
            if !configuration.mayVanish { complaint = "there was no room to reserve \(value.count) bytes" }
        }
    }

    /// Ends a reservation when its slot is already empty: the end passes unlocks, at which the slot may be looked at.
    private func give(up slot: Int) {
        guard let open = reservations[slot] else { return }
        reservations[slot] = nil
        withExtendedLifetime(open) {}
    }

    private func commit(_ slot: Int, _ choice: StoreChoice, _ client: Int) -> Event? {
        guard let open = reservations[slot], open.client == client else { return nil }
        let filled = open.receive(.max)
        // Whatever was nested while it was filled leaves a slot of this client alone.
        reservations[slot] = nil
        guard filled else {
            if !configuration.mayVanish { complaint = "there was no memory for the rest of a value" }
            return nil
        }
        counts.commits += 1
        let request = request(choice, open.key)
        let outcome = clients[client].session.commit(open.take(), request)
        return Event(key: open.key, action: .store(open.value, request), answer: .stored(outcome))
    }
}
