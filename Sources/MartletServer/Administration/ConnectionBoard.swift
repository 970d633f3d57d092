import Synchronization

/// What every open socket is doing, for `stats conns`: one word per descriptor, written by the socket's worker with a
/// plain store, read by whoever asks.
///
///     word   | second of the last command : 32 | unused : 24 | state : 8 |
///
/// A reader may see a descriptor that closes or is reused while it reads; the worst that follows is a line about the
/// wrong moment. Addresses are not kept: the kernel knows them.
package struct ConnectionBoard: ~Copyable {
    package enum State: UInt8, BitwiseCopyable, CaseIterable {
        case closed, listening, reading, parsing, readingValue, writing
    }

    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    /// Descriptors from here on are not shown.
    package let count: Int

    package init(descriptorCount: Int) {
        count = max(descriptorCount, 0)
        words = .allocate(capacity: count)
        for index in 0..<count { (words + index).initialize(to: Atomic(0)) }
    }

    deinit {
        words.deinitialize(count: count)
        words.deallocate()
    }

    /// Says what `descriptor` does, and that its last command was in `second`.
    package func set(_ descriptor: Int32, _ state: State, second: UInt32) {
        guard descriptor >= 0, Int(descriptor) < count else { return }
        words[Int(descriptor)].store(UInt64(second) << 32 | UInt64(state.rawValue), ordering: .relaxed)
    }

    /// Call before the descriptor is closed.
    package func clear(_ descriptor: Int32) { set(descriptor, .closed, second: 0) }

    package func read(_ descriptor: Int) -> (state: State, second: UInt32) {
        let word = words[descriptor].load(ordering: .relaxed)
        return (State(rawValue: UInt8(truncatingIfNeeded: word)) ?? .closed, UInt32(truncatingIfNeeded: word >> 32))
    }
}
