import LoadWorkload

/// The keys of the requests under way in one thread, where their order must be that of the source: a trace is replayed
/// so that each key sees its requests one after the other.
///
/// A set with open addressing: a key lies at its hash or in the run of taken places behind it; taking one out moves
/// back those that a gap would cut off from their hash.
package struct KeysInFlight: ~Copyable {
    private let places: UnsafeMutablePointer<UInt64>
    private let mask: UInt64

    /// No key has this number.
    private static let free = UInt64.max

    /// Room for `count` keys, at most half of the places taken.
    package init(count: Int) {
        let capacity = Connection.powerOfTwo(max(count * 2, 2))
        places = .allocate(capacity: capacity)
        places.initialize(repeating: Self.free, count: capacity)
        mask = UInt64(capacity - 1)
    }

    deinit { places.deallocate() }

    @inline(__always)
    private func home(_ key: UInt64) -> UInt64 { (key &* 0x9e37_79b9_7f4a_7c15) &>> 20 & mask }

    package func contains(_ key: UInt64) -> Bool {
        var place = home(key)
        while places[Int(truncatingIfNeeded: place)] != Self.free {
            if places[Int(truncatingIfNeeded: place)] == key { return true }
            place = (place &+ 1) & mask
        }
        return false
    }

    /// The key must not be there.
    package mutating func insert(_ key: UInt64) {
        var place = home(key)
        while places[Int(truncatingIfNeeded: place)] != Self.free { place = (place &+ 1) & mask }
        places[Int(truncatingIfNeeded: place)] = key
    }

    /// Taking out a key that is not there does nothing.
    package mutating func remove(_ key: UInt64) {
        var gap = home(key)
        while places[Int(truncatingIfNeeded: gap)] != key {
            if places[Int(truncatingIfNeeded: gap)] == Self.free { return }
            gap = (gap &+ 1) & mask
        }
        var place = gap
        while true {
            place = (place &+ 1) & mask
            let moved = places[Int(truncatingIfNeeded: place)]
            if moved == Self.free { break }
            // Only a key whose home is not behind the gap may fill it.
            if (place &- home(moved)) & mask >= (place &- gap) & mask {
                places[Int(truncatingIfNeeded: gap)] = moved
                gap = place
            }
        }
        places[Int(truncatingIfNeeded: gap)] = Self.free
    }
}
