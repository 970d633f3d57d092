import Glibc
import MartletEvent
import Synchronization

/// One client's socket and what the server knows about it, in raw memory of one worker.
///
///     |Connection|padding to 16|libevent's struct event|      one allocation, at most 512 bytes with libevent's tables
///
/// States of a connection, by what it waits for (rules 1-5, 7), and what it must not do meanwhile (6):
/// 1. *reading*: watched for readability, not ready, nothing pending. Holds at most an unfinished command.
/// 2. *ready*: in the worker's ready list; its machine paused in the middle (`resumes`) and has input or work left.
/// 3. *sending*: watched for writability only, `pending` holds what the socket did not take. When it is sent, the
///    connection is ready (`resumes`), reading, or closed (`closesWhenSent`).
/// 4. *parked*: not watched; a large value lacks room (`UploadRoom`). Its turn comes when there may be some.
///    *Held back* is the same until the second changes (`LoginPace`; a handshake without room), *awaiting an answer*
///    until another thread has found it (`CertificateReadings`).
/// 5. *draining*: everything is sent and half the connection is shut down; what the client still sends is dropped until
///    it closes too, so that our last words are not torn away by a reset.
/// 6. Never read while replies are pending: that is the back-pressure that bounds every buffer.
/// 7. *negotiating*: watched for what TLS waits for before anything can be read (`Connection+TLS.swift`).
///
/// All methods belong to the worker's thread. Other threads read `descriptor`, `peer`, `listenerIndex`, `phase` and
/// `lastActivity` while holding the lock of the worker's `ConnectionTable`.
package struct Connection: ~Copyable {
    /// What `stats conns` tells about a connection.
    @frozen
    package enum Phase: UInt8, BitwiseCopyable {
        case reading, executing, readingValue
        // From here on a turn does not begin with reading.
        case sending, draining, negotiating

        @inline(__always)
        var readsFirst: Bool { rawValue < Phase.sending.rawValue }
    }

    // First, because a change of any field counts as one of the first when accesses by several threads are checked.
    let worker: UnsafeMutablePointer<Worker>

    // What other threads read: fixed for the connection's life, or atomic.
    let descriptor: Int32
    let listenerIndex: UInt16
    let peer: PeerAddress
    private let phaseCode = Atomic<UInt8>(Phase.reading.rawValue)
    private let activity: Atomic<UInt32>

    let watcher: SocketWatcher
    /// Position in the worker's table.
    var tableIndex = 0
    /// The next one in the worker's ready list.
    var nextReady: UnsafeMutablePointer<Connection>?
    var pending: UnsafeMutablePointer<PendingOutput>?
    var unfinished: UnfinishedInput
    /// What `unfinished` is charged with the budget.
    var inputCharge = 0
    /// What stands between the socket and the bytes below; nil for a plain connection.
    var tls: TLSSession?
    /// The handshake of `tls` is done.
    var isEstablished = false
    /// Watched for room to send, because `tls` has something to send before it can be read.
    var awaitsRoom = false
    var isReady = false
    /// The machine paused: its next turn goes on with what is there, without reading the socket.
    var resumes = false
    var isParked = false
    /// Not watched until the second changes: its client has tried too many passwords, or there is no room for its
    /// handshake.
    var isHeldBack = false
    /// Not watched until another thread has an answer for it.
    var awaitsAnswer = false
    var closesWhenSent = false
    /// The last turn had too long a reply for it to wait for those of others.
    var hadLargeReply = false
    /// The client was still sending when its connection was to be closed.
    var dropsInput = false
    let openedSecond: UInt32
    /// Bytes dropped while draining.
    var drainedBytes: Int32 = 0
    /// What `tls` is charged with the budget: for its handshake, or for a packet inside.
    var tlsCharge: Int32 = 0
    var machine: ConnectionMachine

    var phase: Phase {
        get { Phase(rawValue: phaseCode.load(ordering: .relaxed)) ?? .reading }
        nonmutating set { phaseCode.store(newValue.rawValue, ordering: .relaxed) }
    }

    /// The server second of the last turn, or of the last look at which the client had taken something.
    var lastActivity: UInt32 {
        get { activity.load(ordering: .relaxed) }
        nonmutating set { activity.store(newValue, ordering: .relaxed) }
    }

    fileprivate init(
        worker: UnsafeMutablePointer<Worker>, accepted: AcceptedSocket, watcher: consuming SocketWatcher
    ) {
        descriptor = accepted.descriptor
        listenerIndex = accepted.listenerIndex
        peer = accepted.peer
        activity = Atomic(worker.pointee.second)
        self.worker = worker
        self.watcher = watcher
        unfinished = UnfinishedInput(pool: worker.pointee.inputMemory)
        machine = ConnectionMachine(accepted.dialect)
        openedSecond = worker.pointee.second
    }
}

// MARK: Opening and closing

extension UnsafeMutablePointer where Pointee == Connection {
    private static var watcherOffset: Int {
        let alignment = SocketWatcher.storageAlignment
        return (MemoryLayout<Connection>.size + alignment - 1) / alignment * alignment
    }

    /// Bytes of one connection with its watcher.
    package static var allocationBytes: Int { watcherOffset + SocketWatcher.storageBytes }

    /// Serves an accepted socket, which the connection owns from now on. nil, with the socket closed, when the kernel
    /// does not want to watch it, or there is no memory.
    static func open(_ accepted: AcceptedSocket, on worker: UnsafeMutablePointer<Worker>) -> Self? {
        let server = worker.pointee.server
        let counters = worker.pointee.counters
        counters.pointee.network.opened.increment()
        guard worker.pointee.table.makeRoom(server.pointee.syscalls),
            let memory = server.pointee.syscalls.allocate(allocationBytes)
        else {
            counters.pointee.network.memoryKicks.increment()
            refuse(accepted, on: worker)
            return nil
        }
        let connection = memory.bindMemory(to: Connection.self, capacity: 1)
        let watcher = SocketWatcher(
            storage: memory + watcherOffset, loop: worker.pointee.loop, descriptor: accepted.descriptor,
            interest: .readable, callback: Self.whenDue, context: memory)
        guard watcher.start() else {
            Syscalls.free(memory)
            refuse(accepted, on: worker)
            return nil
        }
        connection.initialize(to: Connection(worker: worker, accepted: accepted, watcher: watcher))
        if connection.pointee.machine.isLocked { connection.pointee.machine.beginLogin(from: accepted.peer.network) }
        worker.pointee.table.insert(connection)
        if accepted.security != .plain, !connection.beginTLS(accepted.security) {
            connection.close(.error)
            return nil
        }
        worker.pointee.server.pointee.log.note(
            2, at: worker.pointee.second, "<\(accepted.descriptor) new client connection")
        connection.tellOpened()
        return connection
    }

    /// Closes a socket for which there is no connection.
    private static func refuse(_ accepted: AcceptedSocket, on worker: UnsafeMutablePointer<Worker>) {
        _ = Glibc.close(accepted.descriptor)
        worker.pointee.server.pointee.addressCounts.remove(accepted.peer)
        worker.pointee.counters.pointee.network.closed.increment()
    }

    /// Ends the connection and frees its memory. What it had pending is dropped, leases are released. Without a reason
    /// given it is the machine's.
    @inline(never)
    func close(_ reason: CloseReason? = nil) {
        let worker = pointee.worker
        worker.pointee.server.pointee.log.note(
            2, at: worker.pointee.second, "<\(pointee.descriptor) connection closed.")
        tellClosed(reason ?? pointee.machine.closeReason)
        let descriptor = pointee.descriptor
        let endsUpload = release { _ = Glibc.close(descriptor) }
        worker.pointee.counters.pointee.network.closed.increment()
        if endsUpload { worker.noteRoom() }
    }

    /// Takes the connection from its worker and frees its memory; returns whether an upload has ended with it. The
    /// socket is `last`'s business, called just before the memory goes.
    func release(_ last: () -> Void) -> Bool {
        let worker = pointee.worker
        pointee.watcher.stop()
        if pointee.isReady { worker.removeReady(self) }
        worker.pointee.group.remove(self)
        if pointee.phase == .draining { worker.pointee.drainingCount -= 1 }
        if pointee.phase == .negotiating { worker.pointee.negotiatingCount -= 1 }
        if pointee.isParked { worker.forgetParked(self) }
        let endsUpload = isUploading
        worker.pointee.server.pointee.uploads.leaveFirst(self)
        worker.pointee.table.remove(self)
        worker.pointee.server.pointee.addressCounts.remove(pointee.peer)
        dropPending()
        pointee.unfinished.removeAll()
        chargeInput()
        endTLS()
        giveTLSCharge()
        last()
        deinitialize(count: 1)
        Syscalls.free(self)
        return endsUpload
    }

    /// libevent's callback; the turn itself is taken when the loop has told of all that is due.
    private static var whenDue: WatcherCallback {
        { _, _, context in
            let connection = context.unsafelyUnwrapped.assumingMemoryBound(to: Connection.self)
            connection.pointee.worker.appendReady(connection)
        }
    }

    /// Watches for readability (`.readable`) or for room to send (`.writable`), never both. Returns false after closing
    /// the connection because the kernel refused.
    func watch(_ interest: SocketWatcher.Interest) -> Bool {
        pointee.watcher.stop()
        pointee.watcher.prepare(
            loop: pointee.worker.pointee.loop, descriptor: pointee.descriptor, interest: interest,
            callback: Self.whenDue, context: UnsafeMutableRawPointer(self))
        if pointee.watcher.start() { return true }
        close()
        return false
    }
}
