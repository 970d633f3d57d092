import NIOConcurrencyHelpers

/// Values kept in this process for a short while, so that hot keys do not even cost a call.
///
/// Rules:
/// 1. A value is kept for the table's life at most, from when it was read; nobody tells of changes made elsewhere.
/// 2. A change through the same client forgets its key before it and behind it, and what was read before a change, or
///    while it was made, is not kept: a reader takes a ticket first, and the ticket is void once its stripe has changed.
/// 3. Beyond `itemsMax` a hand goes round: what was asked for since it last came by stays for one more round, the rest
///    goes.
final class NearTable: Sendable {
    private struct Item {
        let value: any Sendable
        let end: ContinuousClock.Instant
        /// Which of the key's places in the round is its own.
        let number: UInt64
        var wasAsked = false
    }

    private struct State {
        var items: [CacheKey: Item] = [:]
        var round = RingBuffer<(key: CacheKey, number: UInt64)>()
        var nextNumber: UInt64 = 0
        /// Changes, by the key's stripe.
        var changes = [UInt64](repeating: 0, count: NearTable.stripeCount)
    }

    struct Ticket: Sendable {
        fileprivate let stripe: Int
        fileprivate let changes: UInt64
    }

    private static let stripeCount = 256

    private let state = NIOLockedValueBox(State())
    private let itemsMax: Int
    private let timeToLive: Duration

    init(itemsMax: Int, timeToLive: Duration) {
        // The round takes twice as many places.
        self.itemsMax = min(max(itemsMax, 1), Int.max / 2)
        self.timeToLive = timeToLive
    }

    /// The value kept for `key`, if it is one of this type and not too old.
    func value<Value: Sendable>(for key: CacheKey, as type: Value.Type) -> Value? {
        let now = ContinuousClock.now
        return state.withLockedValue { state in
            guard let item = state.items[key] else { return nil }
            guard item.end > now else {
                state.items[key] = nil
                return nil
            }
            if !item.wasAsked { state.items[key]?.wasAsked = true }
            return item.value as? Value
        }
    }

    // MARK: Keeping

    /// Taken before a value is read from its server.
    func ticket(for key: CacheKey) -> Ticket {
        let stripe = Self.stripe(of: key)
        return state.withLockedValue { Ticket(stripe: stripe, changes: $0.changes[stripe]) }
    }

    /// Keeps what was read with the ticket, unless it is void.
    func keep(_ value: some Sendable, for key: CacheKey, _ ticket: Ticket) {
        let end = ContinuousClock.now + timeToLive
        state.withLockedValue { state in
            guard state.changes[ticket.stripe] == ticket.changes else { return }
            state.nextNumber += 1
            state.items[key] = Item(value: value, end: end, number: state.nextNumber)
            state.round.append((key, state.nextNumber))
            makeRoom(&state)
        }
    }

    /// Rule 3. The round is bounded as well: places whose key is gone, or has another place, fall out.
    private func makeRoom(_ state: inout State) {
        while state.items.count > itemsMax || state.round.count > itemsMax * 2 {
            guard let (key, number) = state.round.popFirst() else { return }
            guard let item = state.items[key], item.number == number else { continue }
            if item.wasAsked || state.items.count <= itemsMax {
                state.items[key]?.wasAsked = false
                state.round.append((key, number))
            } else {
                state.items[key] = nil
            }
        }
    }

    /// Rule 2.
    func forget(_ key: CacheKey) {
        let stripe = Self.stripe(of: key)
        state.withLockedValue { state in
            state.items[key] = nil
            state.changes[stripe] &+= 1
        }
    }

    func forgetAll() {
        state.withLockedValue { state in
            state.items = [:]
            for stripe in state.changes.indices { state.changes[stripe] &+= 1 }
        }
    }

    private static func stripe(of key: CacheKey) -> Int { Int(UInt(bitPattern: key.hashValue) % UInt(stripeCount)) }
}
