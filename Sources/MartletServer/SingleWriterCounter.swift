import Synchronization

/// A 64-bit counter that one thread writes and any thread reads.
///
/// Adding is a relaxed load and a relaxed store: on the machines we run on these are plain moves, without the locked
/// instruction that a shared counter would need. Only the owning worker may add; a reader sees a value that was true a
/// moment ago. Nobody else writes it, not even to reset: `stats reset` keeps the value it found and subtracts it.
package struct SingleWriterCounter: ~Copyable {
    private let word = Atomic<UInt64>(0)

    package init() {}

    /// The owner's thread only.
    package borrowing func add(_ amount: Int) {
        word.store(word.load(ordering: .relaxed) &+ UInt64(truncatingIfNeeded: amount), ordering: .relaxed)
    }

    /// The owner's thread only.
    package borrowing func increment() { add(1) }

    /// The owner's thread only. For the few that also fall, such as the number of connections.
    package borrowing func decrement() { add(-1) }

    package var value: UInt64 { word.load(ordering: .relaxed) }
}
