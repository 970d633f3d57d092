import Synchronization

/// How many connections each client address has, where `-o connections_per_address` bounds them.
///
/// 1. The listener counts a connection before it hands it on, and refuses it as one too many if its address has its
///    share.
/// 2. Whoever ends a connection takes it off again: any thread.
/// 3. A fixed table: addresses meet at one place once in `placeCount`, and then have one share together. Which do is
///    drawn at the start, so that nobody can choose an address to take another's share.
/// 4. Of an IPv6 address the first half counts: whoever has one address has all of those. Unix sockets do not count.
package struct AddressCounts: ~Copyable {
    private static let placeCount = 1 << 16

    /// nil without a bound.
    private let places: UnsafeMutablePointer<Atomic<UInt32>>?
    private let max: UInt32
    private let secret: UInt64

    /// `max`: 0 for no bound.
    package init(max: Int) {
        self.max = UInt32(clamping: max)
        secret = .random(in: 0 ... .max)
        places = max > 0 ? .allocate(capacity: Self.placeCount) : nil
        if let places { for index in 0..<Self.placeCount { (places + index).initialize(to: Atomic(0)) } }
    }

    deinit { places?.deallocate() }

    private func place(_ peer: PeerAddress) -> UnsafeMutablePointer<Atomic<UInt32>>? {
        guard let places, let network = peer.network else { return nil }
        let product = (network ^ secret).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return places + Int((product.high ^ product.low) & UInt64(Self.placeCount - 1))
    }

    /// Counts one more; returns false, counting nothing, if there are as many as may be.
    package borrowing func add(_ peer: PeerAddress) -> Bool {
        guard let place = place(peer) else { return true }
        if place.pointee.add(1, ordering: .relaxed).newValue <= max { return true }
        place.pointee.subtract(1, ordering: .relaxed)
        return false
    }

    package borrowing func remove(_ peer: PeerAddress) {
        place(peer)?.pointee.subtract(1, ordering: .relaxed)
    }
}
