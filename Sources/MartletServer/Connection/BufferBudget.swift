import Synchronization

/// Bounds what all connections together keep: unfinished requests, replies not taken yet, and values leased for them.
///
/// Copied bytes are memory besides `-m`; leased bytes are items that cannot be evicted meanwhile. Each has its own
/// bound, because 50 slow readers of 1 MiB values cost no memory but pin 50 MiB of the cache. An item that many lease
/// is charged for each, though it is there once: to know the last of them would take a count beside that of all
/// leases, for which an item has no room. Ordinary traffic touches neither: requests arrive whole and sockets take
/// their replies.
///
/// Any thread; two shared atomics, written only when a connection begins or ends to keep something.
package struct BufferBudget: ~Copyable {
    /// What one connection keeps; given back with the same numbers.
    struct Charge: BitwiseCopyable {
        var copiedBytes = 0
        var leasedBytes = 0

        /// What of it counts where these bounds are short.
        func bytes(of shortage: Shortage) -> Int {
            (shortage.copies ? copiedBytes : 0) + (shortage.leases ? leasedBytes : 0)
        }
    }

    /// Which of the bounds a charge would pass: giving way in the other one helps nobody.
    struct Shortage: BitwiseCopyable {
        var copies = false
        var leases = false
    }

    private let copied = Atomic<Int>(0)
    private let leased = Atomic<Int>(0)
    package let copiedBytesMax: Int
    package let leasedBytesMax: Int

    package init(copiedBytesMax: Int, leasedBytesMax: Int) {
        self.copiedBytesMax = copiedBytesMax
        self.leasedBytesMax = leasedBytesMax
    }

    package var copiedBytes: Int { copied.load(ordering: .relaxed) }
    package var leasedBytes: Int { leased.load(ordering: .relaxed) }

    /// What of `bytes` a turn may read, or gather to send: less as the budget is used up, so that a thousand clients
    /// that ask without reading fit in it.
    func share(of bytes: Int) -> Int {
        let used = copiedBytes
        if _fastPath(used <= copiedBytesMax / 4) { return bytes }
        return used <= copiedBytesMax / 2 ? bytes / 4 : bytes / 16
    }

    /// What was copied for those who need little (`take`) has passed the bound: it is for those who hold much to give
    /// way.
    var isOver: Bool { copiedBytes > copiedBytesMax }

    /// Which bounds have no room for `charge`.
    func shortage(for charge: Charge) -> Shortage {
        Shortage(
            copies: charge.copiedBytes > 0 && copiedBytes + charge.copiedBytes > copiedBytesMax,
            leases: charge.leasedBytes > 0 && leasedBytes + charge.leasedBytes > leasedBytesMax)
    }

    /// Returns false, charging nothing, when either bound would be passed; with `isLittle`, when that of copies would
    /// be by more than an eighth.
    borrowing func take(_ charge: Charge, isLittle: Bool = false) -> Bool {
        let copiedNow = copied.add(charge.copiedBytes, ordering: .relaxed).newValue
        let leasedNow = leased.add(charge.leasedBytes, ordering: .relaxed).newValue
        let overdraft = isLittle ? copiedBytesMax / 8 : 0
        if copiedNow <= copiedBytesMax + overdraft && leasedNow <= leasedBytesMax { return true }
        give(charge)
        return false
    }

    borrowing func give(_ charge: Charge) {
        copied.subtract(charge.copiedBytes, ordering: .relaxed)
        leased.subtract(charge.leasedBytes, ordering: .relaxed)
    }
}
