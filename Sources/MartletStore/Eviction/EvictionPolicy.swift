/// Who goes when a class needs a chunk and has none; chosen once, when the store is made.
///
/// The choice is looked at only where somebody has to go, and in one test when an item enters. What has expired goes
/// before anybody else, whatever the policy (RipeHand.swift).
package enum EvictionPolicy: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    /// Segmented LRU under a hand, with ghosts (Hand.swift): the default.
    case martlet
    /// HOT, WARM and COLD as in memcached (Policies/Segmented.swift).
    case segmented
    /// The item unread for longest, of the next few under the hand.
    case lru
    /// The item read least, of the next few.
    case lfu
    /// The item stored first.
    case fifo
    /// The item that expires soonest, of the next few.
    case ttl
    /// Any of the next few.
    case random
    /// Nobody: stores are refused when memory is full.
    case none

    package init?(name: some StringProtocol) {
        guard let policy = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = policy
    }

    /// As the option `--eviction` spells it.
    package var name: String {
        switch self {
        case .martlet: "martlet"
        case .segmented: "segmented"
        case .lru: "lru"
        case .lfu: "lfu"
        case .fifo: "fifo"
        case .ttl: "ttl"
        case .random: "random"
        case .none: "none"
        }
    }

    package var evicts: Bool { rawValue != Self.none.rawValue }

    /// Whether what was evicted is remembered.
    @inline(__always)
    var hasGhosts: Bool { rawValue == Self.martlet.rawValue }

    /// Whether a COLD item that nobody has hit since the hand came by is among the next to go: it does not go along
    /// when its page moves.
    var dropsUnreadInMoves: Bool {
        switch self {
        case .lru, .ttl, .none: false
        default: true
        }
    }

    /// Whether every new item is HOT and stands in the ring from the start, whatever is known of its key.
    var queuesEverything: Bool {
        switch self {
        case .segmented, .fifo: true
        default: false
        }
    }
}

extension UnsafeMutablePointer where Pointee == SlabClass {
    /// The choice of a policy that is not the default, as a hint; nil if nothing evictable was met.
    @inline(never)
    func chooseByPolicyLocked(_ store: StorePointer, now: UInt32) -> Victim? {
        switch store.pointee.settings.eviction {
        case .segmented: Segmented.chooseLocked(self, store, now: now)
        case .lru: lowestInWindowLocked(LeastRecentlyUsed.self, store, now: now)
        case .lfu: lowestInWindowLocked(LeastFrequentlyUsed.self, store, now: now)
        case .fifo: FirstIn.chooseLocked(self, store, now: now)
        case .ttl: lowestInWindowLocked(SoonestToExpire.self, store, now: now)
        case .random: lowestInWindowLocked(AnyItem.self, store, now: now)
        case .martlet, .none: nil
        }
    }
}
