import LoadWorkload

/// Between a thread's operations and its connections to one server. In raw memory of the thread.
///
///     ready    connections that could take an operation, the one that has waited longest first
///     waiting  operations for this server that no connection could take when their turn came, oldest first; used with
///              several servers, where operations behind them are for others
///
/// A server that is slow or paused fills its waiting places; then no more operations are taken from the source at all.
/// What is due in the meantime waits in the source, and its latency is counted from when it was due.
struct ServerQueue: ~Copyable {
    /// An operation that is due.
    struct Arrival: BitwiseCopyable {
        var operation: Operation
        var dueAt: UInt64
        /// When a connection was to be had but the driver came late, by how much is the driver's fault.
        var waitedForServer: Bool
    }

    private let ready: UnsafeMutablePointer<UnsafeMutablePointer<Connection>>
    private let readyMask: UInt32
    private var readyHead: UInt32 = 0
    private var readyTail: UInt32 = 0

    private let waiting: UnsafeMutablePointer<Arrival>
    private let waitingMask: UInt32
    private var waitingHead: UInt32 = 0
    private var waitingTail: UInt32 = 0

    init(connectionCount: Int, waitingMax: Int) {
        let readyCapacity = Connection.powerOfTwo(max(connectionCount, 1))
        ready = .allocate(capacity: readyCapacity)
        readyMask = UInt32(readyCapacity - 1)
        let waitingCapacity = Connection.powerOfTwo(waitingMax)
        waiting = .allocate(capacity: waitingCapacity)
        waitingMask = UInt32(waitingCapacity - 1)
    }

    deinit {
        ready.deallocate()
        waiting.deallocate()
    }

    var hasReady: Bool { readyHead != readyTail }
    var waitingCount: Int { Int(waitingTail &- waitingHead) }
    /// When the oldest waiting arrival was due; nil if none waits.
    var oldest: UInt64? { waitingHead == waitingTail ? nil : waiting[Int(waitingHead & waitingMask)].dueAt }
    var isFull: Bool { waitingTail &- waitingHead > waitingMask }

    /// Puts a connection into the list, unless it is there.
    mutating func list(_ connection: UnsafeMutablePointer<Connection>) {
        if connection.pointee.isListed { return }
        connection.pointee.isListed = true
        ready[Int(readyTail & readyMask)] = connection
        readyTail &+= 1
    }

    /// Takes the first connection out of the list, which must not be empty. It may have become unfit since.
    mutating func unlist() -> UnsafeMutablePointer<Connection> {
        let connection = ready[Int(readyHead & readyMask)]
        readyHead &+= 1
        connection.pointee.isListed = false
        return connection
    }

    /// Puts an arrival behind the others; there must be room.
    mutating func wait(_ arrival: Arrival) {
        waiting[Int(waitingTail & waitingMask)] = arrival
        waitingTail &+= 1
    }

    /// Takes the oldest arrival, if there is one.
    mutating func takeWaiting(_ arrival: inout Arrival) -> Bool {
        if waitingHead == waitingTail { return false }
        arrival = waiting[Int(waitingHead & waitingMask)]
        waitingHead &+= 1
        return true
    }
}
