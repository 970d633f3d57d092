import Synchronization

/// A socket on its way from the listener to a worker.
package struct AcceptedSocket: BitwiseCopyable {
    package let descriptor: Int32
    /// Which of the server's listening sockets it came from.
    let listenerIndex: UInt16
    let peer: PeerAddress
    let security: ListenerSecurity
    let dialect: Dialect

    package init(
        descriptor: Int32, listenerIndex: UInt16, peer: PeerAddress, security: ListenerSecurity = .plain,
        dialect: Dialect = .undecided
    ) {
        self.descriptor = descriptor
        self.listenerIndex = listenerIndex
        self.peer = peer
        self.security = security
        self.dialect = dialect
    }
}

/// The queue in front of a worker: the listener's thread puts sockets in, the worker takes them out.
///
///     slots  | taken ... |taken     waiting ...     put| free ... |      positions count up for ever, modulo capacity
///
/// 1. `put` counts what was put in; only the listener writes it, after the slot is filled (releasing).
/// 2. `taken` counts what was taken out; only the worker writes it, after the slot was read (releasing).
/// 3. Whoever puts something in wakes the worker afterwards; the worker acknowledges its wakeup before it takes.
package struct WorkerInbox: ~Copyable {
    private let slots: UnsafeMutablePointer<AcceptedSocket>
    private let put = Atomic<UInt>(0)
    private let taken = Atomic<UInt>(0)
    private static var capacity: UInt { UInt(Limits.inboxCapacity) }

    package init() { slots = .allocate(capacity: Limits.inboxCapacity) }

    deinit { slots.deallocate() }

    /// Whether `append` would take a socket. The listener's thread only, which alone can make it false.
    package var hasRoom: Bool {
        put.load(ordering: .relaxed) &- taken.load(ordering: .acquiring) < Self.capacity
    }

    /// Returns false when the inbox is full. The listener's thread only.
    package borrowing func append(_ socket: AcceptedSocket) -> Bool {
        guard hasRoom else { return false }
        let position = put.load(ordering: .relaxed)
        (slots + Int(position % Self.capacity)).initialize(to: socket)
        put.store(position &+ 1, ordering: .releasing)
        return true
    }

    /// The socket that waits longest, nil when none does. The worker's thread only.
    package borrowing func next() -> AcceptedSocket? {
        let position = taken.load(ordering: .relaxed)
        guard position != put.load(ordering: .acquiring) else { return nil }
        let socket = slots[Int(position % Self.capacity)]
        taken.store(position &+ 1, ordering: .releasing)
        return socket
    }
}
