import Glibc
import MartletEvent
import MartletStore
import Synchronization

/// A thread that serves its connections: its loop, its buffers, its executor, its counters. Nothing here is shared but
/// the inbox, the table's lock and `order`.
///
///     loop.turn ----> who is due? ---> ready list ---> turns, together or one by one ---> loop.turn ...
///                     (callbacks only append)           (those not done append themselves again)
///
/// Gathering first and working afterwards keeps callbacks trivial, gives every due connection one turn per round
/// however much one of them sends, reads the clock once per round, and lets turns share their steps (`TurnGroup`).
package struct Worker: ~Copyable {
    /// What the worker is asked to do; only ever raised.
    enum Order: UInt8, BitwiseCopyable {
        case serve
        /// Close connections as they become idle; the listener sends no more.
        case finish
        case stop
    }

    let index: Int
    let server: UnsafeMutablePointer<ServerContext>
    let counters: UnsafeMutablePointer<WorkerCounters>
    let inbox = WorkerInbox()
    private let orderCode = Atomic<UInt8>(Order.serve.rawValue)
    /// Whether the worker has something to do when the server second changes.
    private let ticks = Atomic<Bool>(false)

    // Before the loop, because fields end in the order of their declaration and the wakeup is attached to the loop.
    let wakeup: LoopWakeup
    let loop: EventLoop
    /// Where a turn's input is read to; one after the other for turns that are taken together.
    let readBuffer: UnsafeMutableRawPointer
    /// Where connections keep unfinished input.
    let inputMemory: UnsafeMutablePointer<InputMemory>
    /// Scratch for every system call that takes pieces.
    let pieces: UnsafeMutablePointer<iovec>
    let output: UnsafeMutablePointer<OutputBuffer>
    /// The turns that are being taken together.
    var group: TurnGroup
    /// Where small pieces of replies become one packet of TLS; none without it.
    let gatheredBytes: UnsafeMutableRawPointer?
    let executor: UnsafeMutablePointer<Executor>
    let commandsPerTurn: Int
    /// What is measured, with `--admin`.
    let turnCounts: UnsafeMutablePointer<TurnCounts>?
    let meter: UnsafeMutablePointer<TurnMeter>?
    let table = ConnectionTable()
    /// Served besides the connections.
    fileprivate var datagramPorts: [UnsafeMutablePointer<DatagramPort>] = []
    var readyHead: UnsafeMutablePointer<Connection>?
    var readyTail: UnsafeMutablePointer<Connection>?
    var readyCount = 0
    var drainingCount = 0
    /// Connections whose replies the socket has not taken.
    var pendingCount = 0
    var negotiatingCount = 0
    /// Turns of handshakes that this round still has.
    var negotiationsLeft = 0
    /// What the buffer budget has been charged for handshakes.
    var handshakeBytes = 0
    /// This round has found no room for a handshake: nobody else needs to look for it.
    var lacksHandshakeRoom = false
    var parkedCount = 0
    /// When uploads were last looked at because somebody was parked.
    var uploadsSecond: UInt32 = 0
    /// A large value has ended somewhere, so the parked may try again.
    let roomChanged = Atomic<Bool>(false)
    /// The server second of this round.
    var second: UInt32
    /// When overdue connections were last looked for.
    fileprivate var overdueSecond: UInt32 = 0
    /// Readings of certificates whose ends this worker has seen.
    var readingsSeen = 0
    /// The order being followed; `order` may be ahead of it.
    var following = Order.serve
    var thread: ServerThread?

    var order: Order { Order(rawValue: orderCode.load(ordering: .acquiring)) ?? .stop }

    /// Any thread.
    borrowing func give(_ order: Order) {
        orderCode.raise(to: order.rawValue)
        wakeup.wake()
    }

    /// The main loop, when the server second has changed.
    borrowing func tick() {
        if ticks.load(ordering: .relaxed) { wakeup.wake() }
    }

    fileprivate init(
        index: Int, server: UnsafeMutablePointer<ServerContext>, loop: consuming EventLoop, wakeup: consuming LoopWakeup
    ) {
        self.index = index
        self.server = server
        self.loop = loop
        self.wakeup = wakeup
        counters = OwnLines.allocate(WorkerCounters.self)
        counters.initialize(to: WorkerCounters())
        readBuffer = .allocate(byteCount: Limits.readBufferBytes, alignment: 4096)
        group = TurnGroup()
        inputMemory = OwnLines.allocate(InputMemory.self)
        inputMemory.initialize(to: InputMemory(server.pointee.syscalls))
        pieces = OwnLines.allocate(iovec.self, count: Limits.outputPiecesMax)
        output = OwnLines.allocate(OutputBuffer.self)
        output.initialize(to: OutputBuffer(server.pointee.syscalls))
        let tls = server.pointee.settings.tls
        gatheredBytes = tls.isEnabled ? .allocate(byteCount: tls.writeBytesMax, alignment: 4096) : nil
        executor = OwnLines.allocate(Executor.self)
        executor.initialize(
            to: Executor(session: server.pointee.store.makeSession(), counters: counters, server: server))
        turnCounts = .make(server.pointee.settings)
        meter = .make(turnCounts, server.pointee.settings)
        executor.pointee.meter = meter
        commandsPerTurn = min(server.pointee.settings.commandsPerTurn, executor.pointee.repliesMax)
        second = server.pointee.clock.second
    }

    deinit {
        executor.deinitialize(count: 1)
        executor.deallocate()
        meter?.destroy()
        turnCounts?.destroy()
        output.deinitialize(count: 1)
        output.deallocate()
        gatheredBytes?.deallocate()
        pieces.deallocate()
        inputMemory.deinitialize(count: 1)
        inputMemory.deallocate()
        readBuffer.deallocate()
        counters.deinitialize(count: 1)
        counters.deallocate()
    }

    fileprivate func setTicks(_ isNeeded: Bool) {
        if ticks.load(ordering: .relaxed) != isNeeded { ticks.store(isNeeded, ordering: .relaxed) }
    }
}

// MARK: Life

extension UnsafeMutablePointer where Pointee == Worker {
    /// A worker without a thread yet; nil when the system gives no descriptors.
    static func make(index: Int, server: UnsafeMutablePointer<ServerContext>) -> Self? {
        let worker = OwnLines.allocate(Worker.self)
        if let loop = EventLoop() {
            let wakeup = LoopWakeup(
                loop: loop,
                callback: { _, _, context in
                    context.unsafelyUnwrapped.assumingMemoryBound(to: Worker.self).woken()
                }, context: worker)
            if let wakeup {
                worker.initialize(to: Worker(index: index, server: server, loop: loop, wakeup: wakeup))
                return worker
            }
        }
        worker.deallocate()
        return nil
    }

    /// Serves a UDP socket, too. Before the thread starts; returns false when the kernel does not want to watch it.
    func serve(_ socket: DatagramSocket) -> Bool {
        guard let port = UnsafeMutablePointer<DatagramPort>.open(socket, on: self) else { return false }
        pointee.datagramPorts.append(port)
        return true
    }

    /// Starts the thread. Returns false when the system gives none.
    func start() -> Bool {
        pointee.thread = ServerThread.start(context: self) { context in
            context.unsafelyUnwrapped.assumingMemoryBound(to: Worker.self).run()
            return nil
        }
        return pointee.thread != nil
    }

    /// Ends the thread, closing its connections; afterwards only counters and `destroy` are left.
    func stop() {
        pointee.give(.stop)
        pointee.thread?.join()
        pointee.thread = nil
    }

    /// Frees a stopped worker.
    func destroy() {
        for port in pointee.datagramPorts { port.close() }
        while let socket = pointee.inbox.next() { _ = Glibc.close(socket.descriptor) }
        deinitialize(count: 1)
        deallocate()
    }

    // MARK: The thread

    private func run() {
        ServerThread.nameCurrent("worker-\(pointee.index)")
        while pointee.order != .stop {
            if pointee.loop.turn(waits: pointee.readyHead == nil) == .failed {
                ServerLog.write("worker \(pointee.index): cannot wait for events: \(ServerLog.reason(errno))")
                pointee.server.pointee.stopRequest.fail()
                break
            }
            round()
        }
        while pointee.table.count > 0 { pointee.table[pointee.table.count - 1].close(.shutdown) }
    }

    func catchUp(with now: UInt32) {
        pointee.second = now
        pointee.executor.pointee.setNow(now)
    }

    /// One turn for each connection that is ready now; those that get ready meanwhile have theirs in the next round.
    func round() {
        pointee.executor.pointee.beginRound()
        let meter = pointee.meter
        meter?.pointee.beginRound()
        let now = pointee.server.pointee.clock.second
        let isNewSecond = now != pointee.overdueSecond
        if isNewSecond {
            catchUp(with: now)
            pointee.overdueSecond = now
            closeOverdue()
        }
        pointee.negotiationsLeft = Limits.negotiationsPerRoundMax
        pointee.lacksHandshakeRoom = false
        var turns = pointee.readyCount
        while turns > 0 {
            let takenTogether = takeTurnsTogether(most: turns)
            turns -= takenTogether
            if takenTogether > 0 { continue }
            guard let connection = popReady() else { break }
            if let meter { takeMeteredTurn(connection, meter) } else { connection.takeTurn() }
            turns -= 1
        }
        meter?.pointee.endRound()
        if _slowPath(pointee.server.pointee.budget.isOver) { relieveBudget() }
        if pointee.following == .finish { closeIdle() }
        let someAreParked = pointee.server.pointee.uploads.parkedCount > 0
        if someAreParked { careForParked(isNewSecond: isNewSecond) }
        pointee.setTicks(
            someAreParked || pointee.drainingCount + pointee.negotiatingCount + pointee.pendingCount > 0
                || pointee.server.pointee.settings.idleTimeoutSeconds > 0
                || pointee.executor.pointee.demandsLogin)
    }

    /// The wakeup's callback: new sockets, or an order.
    func woken() {
        pointee.wakeup.acknowledge()
        // A worker without connections is not ticked: what it knows of the time may be old.
        catchUp(with: pointee.server.pointee.clock.second)
        while let socket = pointee.inbox.next() { _ = UnsafeMutablePointer<Connection>.open(socket, on: self) }
        lookForAnswers()
        if pointee.order == .finish && pointee.following == .serve {
            pointee.following = .finish
            unparkAll()
            letAwaitingGoOn()
            // What has already arrived is still answered: everybody gets one more turn.
            for index in 0..<pointee.table.count { appendReady(pointee.table[index]) }
        }
    }

    // MARK: The ready list

    /// Gives the connection a turn in the next round; once, however often it is asked for.
    func appendReady(_ connection: UnsafeMutablePointer<Connection>) {
        if connection.pointee.isReady { return }
        connection.pointee.isReady = true
        connection.pointee.nextReady = nil
        if let tail = pointee.readyTail { tail.pointee.nextReady = connection } else { pointee.readyHead = connection }
        pointee.readyTail = connection
        pointee.readyCount += 1
    }

    func popReady() -> UnsafeMutablePointer<Connection>? {
        guard let connection = pointee.readyHead else { return nil }
        pointee.readyHead = connection.pointee.nextReady
        if pointee.readyHead == nil { pointee.readyTail = nil }
        connection.pointee.isReady = false
        pointee.readyCount -= 1
        return connection
    }

    /// Takes a connection that is being closed out of the list.
    func removeReady(_ connection: UnsafeMutablePointer<Connection>) {
        var before: UnsafeMutablePointer<Connection>?
        var candidate = pointee.readyHead
        while let found = candidate, found != connection {
            before = found
            candidate = found.pointee.nextReady
        }
        precondition(candidate == connection, "A ready connection is missing from the ready list.")
        let next = connection.pointee.nextReady
        if let before { before.pointee.nextReady = next } else { pointee.readyHead = next }
        if next == nil { pointee.readyTail = before }
        connection.pointee.isReady = false
        pointee.readyCount -= 1
    }
}
