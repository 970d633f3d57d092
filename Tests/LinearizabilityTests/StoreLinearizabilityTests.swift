import Glibc
import LoadHistory
import MartletStore
import StoreTesting
import Testing

/// Hot keys under four threads: every answer's value, flags and token must fit one order of all operations on the key.
@Suite("The store is linearizable")
struct StoreLinearizabilityTests {
    static let keyCount = 4
    static let threadCount = 4
    static let callsPerThread = 3000

    /// How large values are: in place, growing over their chunk now and then, or leased.
    enum Size: Int, CaseIterable, Sendable {
        case counters, small, large
    }

    @Test("per key, for value, flags and token together", arguments: Size.allCases)
    func hotKeys(_ size: Size) throws {
        let fixture = try StoreFixture(megabytes: 64)
        let clock = HistoryClock()
        #if DEBUG
        // Between two holds of a lock the others go first. On a busy machine yielding does not make them: now and then
        // it takes a rest.
        fixture.store._setHook { if clock.next() % 16 == 0 { usleep(1) } else { sched_yield() } }
        #endif
        let histories = Histories(Self.threadCount)
        onThreads(fixture.clients(Self.threadCount)) { client, thread in
            var actor = Actor(client: client, thread: thread, clock: clock, size: size)
            for _ in 0..<Self.callsPerThread { actor.act() }
            histories.take(actor.calls, from: thread)
        }

        for key in 0..<Self.keyCount {
            let calls = histories.all.calls(of: key)
            let violation = Linearization<ItemModel>.violation(in: calls)
            #expect(violation == nil, "key \(key): \(violation.map { "\($0)" } ?? "")")
        }
        #if DEBUG
        #expect(histories.all.overlappingCount > 1000, "the threads have met")
        #endif
        fixture.store._checkInvariants()
    }
}

/// One thread's client.
private struct Actor {
    let client: StoreClient
    let thread: Int
    let clock: HistoryClock
    let size: StoreLinearizabilityTests.Size
    var random: SplitMix
    var calls: [KeyedCall] = []
    /// Tokens last seen, by key.
    var tokens: [UInt64]
    var number = 0

    init(client: StoreClient, thread: Int, clock: HistoryClock, size: StoreLinearizabilityTests.Size) {
        self.client = client
        self.thread = thread
        self.clock = clock
        self.size = size
        random = SplitMix(seed: UInt64(thread + 1))
        tokens = Array(repeating: 0, count: StoreLinearizabilityTests.keyCount)
    }

    mutating func act() {
        let key = random.below(StoreLinearizabilityTests.keyCount)
        let name = "hot-\(key)"
        number += 1
        let value = nextValue()
        let flags = UInt32(random.below(3)) * UInt32(number)
        let choice = random.below(24)
        let delta = UInt64(1 + random.below(size == .counters ? 1_000_000 : 9))
        let compare = tokens[key]
        // Nobody's clock moves: what is given is what is told.
        let life = random.below(3) == 0 ? 0 : 1_000_000 + number * 4 + thread
        let call = clock.stamp(client: thread) { [client, size] () -> ItemModel.Operation in
            switch choice {
            case ..<7:
                return .get(client.hold(name, Self.seen) ?? nil)
            case ..<11 where size == .counters:
                let outcome = client.add(name, delta)
                if outcome.result == .notFound { return .increment(by: delta, result: nil, token: nil) }
                return .increment(by: delta, result: outcome.value, token: outcome.token)
            case ..<9:
                let outcome = client.store(name, "+\(delta)", StoreRequest(mode: .append))
                return .append("+\(delta)", stored: outcome.result == .stored, token: outcome.token)
            case ..<11:
                let outcome = client.store(name, "-\(delta)", StoreRequest(mode: .prepend))
                return .prepend("-\(delta)", stored: outcome.result == .stored, token: outcome.token)
            case ..<13:
                let request = StoreRequest(mode: .set, clientFlags: flags, expiry: UInt32(life))
                return .set(
                    value: value, flags: flags, token: client.store(name, value, request).token, life: life)
            case 13:
                let request = StoreRequest(mode: .add, clientFlags: flags, expiry: UInt32(life))
                let outcome = client.store(name, value, request)
                return .add(
                    value: value, flags: flags, stored: outcome.result == .stored, token: outcome.token, life: life)
            case ..<18:
                let request = StoreRequest(
                    mode: .set, clientFlags: flags, expiry: UInt32(life), compareToken: .exactly(compare))
                return .compareAndSet(
                    token: compare, value: value, flags: flags, Self.result(client.store(name, value, request)),
                    life: life)
            case ..<20: return .touch(life: life, found: client.touch(name, UInt32(life)))
            case 20:
                return .getAndTouch(client.hold(name, newExpiry: UInt32(life), Self.seenBefore) ?? nil, life: life)
            case 21:
                let request = InvalidateRequest(marksStale: true, dropsValue: false, newExpiry: UInt32(life))
                let result = client.invalidate(name, request)
                return .invalidate(found: result == .done, marksStale: true, dropsValue: false, life: life)
            default:
                return .delete(found: client.delete(name) == .done)
            }
        }
        if case .get(let item?) = call.operation { tokens[key] = item.token }
        calls.append(KeyedCall(key: key, call: call))
    }

    private static func seen(_ hold: borrowing ItemHold) -> ItemModel.Item? {
        ItemModel.Item(
            value: String(decoding: hold.bytes, as: UTF8.self), flags: hold.clientFlags, token: hold.token,
            life: .given(Int(hold.expiry)))
    }

    /// With the life that it had before this look gave it another.
    private static func seenBefore(_ hold: borrowing ItemHold) -> ItemModel.Item? {
        var item = seen(hold)
        item?.life = .given(Int(hold.expiryBefore))
        return item
    }

    private static func result(_ outcome: StoreOutcome) -> ItemModel.CompareResult {
        switch outcome.result {
        case .stored: .stored(token: outcome.token)
        case .exists: .exists
        default: .notFound
        }
    }

    /// A value that no other call stores.
    private func nextValue() -> String {
        switch size {
        case .counters: "\(number * 4 + thread)"
        case .small: "\(thread).\(number) " + String(repeating: "s", count: number % 40)
        case .large: "\(thread).\(number) " + String(repeating: "l", count: 4090 + number % 20)
        }
    }
}
