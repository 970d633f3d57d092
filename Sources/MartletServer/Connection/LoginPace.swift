import Synchronization

/// How fast one address may try passwords (`-Y`), over all its connections and all workers.
///
/// 1. A try costs its address a second, which is given back when the password was right.
/// 2. A try begins while its address owes less than `Limits.loginDebtSecondsMax`; otherwise it waits, unchecked, and so
///    tells nothing. So a burst of tries is free, and after it there is one a second.
/// 3. A fixed table: addresses meet at one place once in `placeCount`, and then owe together. Which do is drawn at the
///    start, so that nobody can choose an address to make another wait.
/// 4. Of an IPv6 address the first half counts, as for `AddressCounts`. Unix sockets do not count: their file has
///    rights.
///
///     place   the second at which everything is paid; in the past: nothing is owed
package struct LoginPace: ~Copyable {
    private static let placeCount = 1 << 12

    /// nil where nobody has to log in.
    private let places: UnsafeMutablePointer<Atomic<UInt32>>?
    private let secret: UInt64

    package init(isNeeded: Bool) {
        secret = .random(in: 0 ... .max)
        places = isNeeded ? .allocate(capacity: Self.placeCount) : nil
        if let places { for index in 0..<Self.placeCount { (places + index).initialize(to: Atomic(0)) } }
    }

    deinit { places?.deallocate() }

    private func place(_ network: UInt64?) -> UnsafeMutablePointer<Atomic<UInt32>>? {
        guard let places, let network else { return nil }
        let product = (network ^ secret).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return places + Int((product.high ^ product.low) & UInt64(Self.placeCount - 1))
    }

    /// Begins a try of an address at a server second; returns false, with nothing owed, if it has to wait. Any thread.
    package borrowing func begin(_ network: UInt64?, at now: UInt32) -> Bool {
        guard let place = place(network) else { return true }
        var paid = place.pointee.load(ordering: .relaxed)
        while true {
            // With room for the second that the try costs, and that `forgive` takes off again.
            let from = Swift.min(Swift.max(paid, now), .max - 1)
            if from > now, from - now >= Limits.loginDebtSecondsMax { return false }
            let (isDone, found) = place.pointee.compareExchange(
                expected: paid, desired: from + 1, ordering: .relaxed)
            if isDone { return true }
            paid = found
        }
    }

    /// The password was right: what the try has cost is given back.
    package borrowing func forgive(_ network: UInt64?) {
        place(network)?.pointee.subtract(1, ordering: .relaxed)
    }
}
