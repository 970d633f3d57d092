import Glibc
import MartletEvent

/// Accepts connections on the main thread and hands them to the workers in turn.
///
/// 1. A watched listening socket is due: accept in a batch, at most `Limits.acceptsPerTurn`.
/// 2. With `-c` connections open, or `connections_per_address` of its address, a new one is told so and closed; with
///    `no_maxconns_fast` accepting pauses instead, and the kernel keeps new connections waiting.
/// 3. Out of descriptors: one is kept in reserve, so that a connection can still be accepted, told and closed.
///    Otherwise the listening socket would stay readable, and the loop would spin.
/// 4. All inboxes full, no descriptor in reserve, or the system lets the sockets not be watched: accepting pauses, too. A
///    pause is looked at every 10 ms.
///
/// In raw memory, because its watchers point back to it. The main loop's thread only.
package struct Listener: ~Copyable {
    /// A listening socket's watcher, with what its callback needs.
    struct Slot: ~Copyable {
        let listener: UnsafeMutablePointer<Listener>
        let index: UInt16
        let descriptor: Int32
        let security: ListenerSecurity
        let dialect: Dialect
        let storage: UnsafeMutableRawPointer
        let watcher: SocketWatcher
    }

    let server: UnsafeMutablePointer<ServerContext>
    let slots: UnsafeMutablePointer<Slot>
    let slotCount: Int
    let retry: EventTimer
    private var nextWorker = 0
    private var reserveDescriptor: Int32
    private var pausedSince: Int64 = 0
    private var isPaused: Bool { server.pointee.listenerCounters.isPaused.value > 0 }

    fileprivate init(
        server: UnsafeMutablePointer<ServerContext>, slots: UnsafeMutablePointer<Slot>, slotCount: Int,
        retry: consuming EventTimer
    ) {
        self.server = server
        self.slots = slots
        self.slotCount = slotCount
        self.retry = retry
        reserveDescriptor = Self.openReserve()
    }

    deinit {
        if reserveDescriptor >= 0 { _ = Glibc.close(reserveDescriptor) }
        slots.deallocate()
    }

    // MARK: Accepting

    /// Takes what waits at one listening socket.
    fileprivate mutating func accept(
        _ index: UInt16, _ descriptor: Int32, _ security: ListenerSecurity, _ dialect: Dialect
    ) {
        var peer = sockaddr_storage()
        for _ in 0..<Limits.acceptsPerTurn {
            if !server.pointee.settings.rejectsOverLimit && isFull { return pause() }
            // Before anybody is accepted: the kernel keeps those who come in the meantime.
            guard let worker = nextWorkerWithRoom() else { return pause() }
            let result = server.pointee.syscalls.accept(descriptor, &peer)
            if result >= 0 {
                let socket = AcceptedSocket(
                    descriptor: Int32(result), listenerIndex: index, peer: PeerAddress(&peer), security: security,
                    dialect: dialect)
                if isFull || !server.pointee.addressCounts.add(socket.peer) {
                    reject(socket.descriptor)
                } else {
                    hand(socket, to: worker)
                }
                continue
            }
            switch -Int32(result) {
            case EAGAIN: return
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                server.pointee.listenerCounters.failures.increment()
                if !rejectWithReserve(descriptor) { return pause() }
            default:
                // The connection is gone before it was accepted, or its network has an error; the next may be well.
                server.pointee.listenerCounters.failures.increment()
            }
        }
    }

    private var isFull: Bool { server.pointee.connectionCount >= server.pointee.settings.connectionsMax }

    /// The next worker in turn whose inbox has room; nil when none has.
    private borrowing func nextWorkerWithRoom() -> Int? {
        let workers = server.pointee.workers
        for offset in 0..<workers.count {
            let index = (nextWorker + offset) % workers.count
            if workers[index].pointee.inbox.hasRoom { return index }
        }
        return nil
    }

    /// Gives the socket to a worker whose inbox has room.
    private mutating func hand(_ socket: AcceptedSocket, to index: Int) {
        let workers = server.pointee.workers
        let isTaken = workers[index].pointee.inbox.append(socket)
        precondition(isTaken, "Nobody but the listener fills an inbox.")
        server.pointee.listenerCounters.accepted.increment()
        workers[index].pointee.wakeup.wake()
        nextWorker = (index + 1) % workers.count
    }

    // MARK: Refusing

    private borrowing func reject(_ descriptor: Int32) {
        let text: StaticString = "ERROR Too many open connections\r\n"
        var piece = iovec(
            iov_base: UnsafeMutableRawPointer(mutating: text.utf8Start), iov_len: text.utf8CodeUnitCount)
        // Counted first: whoever has read the word may look at the count.
        server.pointee.listenerCounters.rejected.increment()
        _ = server.pointee.syscalls.send(descriptor, &piece, 1)
        _ = Glibc.close(descriptor)
        server.pointee.log.note(1, at: server.pointee.clock.second, "Too many open connections")
    }

    /// Accepts a connection into the place of the reserved descriptor and refuses it. Returns false when that cannot
    /// be.
    private mutating func rejectWithReserve(_ listening: Int32) -> Bool {
        guard server.pointee.settings.rejectsOverLimit, reserveDescriptor >= 0 else { return false }
        _ = Glibc.close(reserveDescriptor)
        var peer = sockaddr_storage()
        let result = server.pointee.syscalls.accept(listening, &peer)
        if result >= 0 { reject(Int32(result)) }
        reserveDescriptor = Self.openReserve()
        return result >= 0 && reserveDescriptor >= 0
    }

    private static func openReserve() -> Int32 { open("/dev/null", O_RDONLY | O_CLOEXEC) }

    // MARK: Pausing

    private mutating func pause() {
        guard !isPaused else { return }
        for index in 0..<slotCount { slots[index].watcher.stop() }
        server.pointee.listenerCounters.isPaused.add(1)
        server.pointee.listenerCounters.pauses.increment()
        pausedSince = Self.microseconds()
        _ = retry.start()
    }

    /// The retry timer's callback: goes on accepting unless the reason is still there.
    fileprivate mutating func resume() {
        if reserveDescriptor < 0 { reserveDescriptor = Self.openReserve() }
        guard isPaused, !isFull, reserveDescriptor >= 0 else { return }
        guard watchAll() else { return }
        retry.stop()
        server.pointee.listenerCounters.isPaused.add(-1)
        server.pointee.listenerCounters.pausedMicroseconds.add(Int(Self.microseconds() - pausedSince))
    }

    /// Returns false when the system lets not all be watched; then none is.
    private func watchAll() -> Bool {
        for index in 0..<slotCount where !slots[index].watcher.start() {
            for started in 0..<index { slots[started].watcher.stop() }
            return false
        }
        return true
    }

    fileprivate mutating func begin() {
        if !watchAll() { pause() }
    }

    private static func microseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}

// MARK: Life

extension UnsafeMutablePointer where Pointee == Listener {
    /// A listener for the server's listening sockets, not accepting yet.
    static func make(server: UnsafeMutablePointer<ServerContext>, loop: borrowing EventLoop) -> Self {
        let sockets = server.pointee.listeningSockets
        let listener = Self.allocate(capacity: 1)
        let slots = UnsafeMutablePointer<Listener.Slot>.allocate(capacity: Swift.max(sockets.count, 1))
        for (index, socket) in sockets.enumerated() {
            let storage = UnsafeMutableRawPointer.allocate(
                byteCount: SocketWatcher.storageBytes, alignment: SocketWatcher.storageAlignment)
            let watcher = SocketWatcher(
                storage: storage, loop: loop, descriptor: socket.descriptor, interest: .readable,
                callback: { _, _, context in
                    let slot = context.unsafelyUnwrapped.assumingMemoryBound(to: Listener.Slot.self)
                    slot.pointee.listener.pointee.accept(
                        slot.pointee.index, slot.pointee.descriptor, slot.pointee.security, slot.pointee.dialect)
                }, context: slots + index)
            (slots + index).initialize(
                to: Listener.Slot(
                    listener: listener, index: UInt16(clamping: index), descriptor: socket.descriptor,
                    security: socket.security, dialect: socket.dialect, storage: storage, watcher: watcher))
        }
        let retry = EventTimer(
            loop: loop, periodMilliseconds: Limits.acceptPauseMilliseconds,
            callback: { _, _, context in
                context.unsafelyUnwrapped.assumingMemoryBound(to: Listener.self).pointee.resume()
            }, context: listener)
        listener.initialize(to: Listener(server: server, slots: slots, slotCount: sockets.count, retry: retry))
        return listener
    }

    /// Begins to accept, as soon as the system lets the sockets be watched.
    func start() { pointee.begin() }

    /// A turn of a pause's timer, and if there is no pause then, one of each listening socket, as if all were due. For
    /// a server without a loop.
    func step() {
        pointee.resume()
        for index in 0..<pointee.slotCount where pointee.server.pointee.listenerCounters.isPaused.value == 0 {
            let slot = pointee.slots + index
            pointee.accept(
                slot.pointee.index, slot.pointee.descriptor, slot.pointee.security, slot.pointee.dialect)
        }
    }

    /// Accepts no more and closes the listening sockets.
    func stop() {
        pointee.retry.stop()
        for index in 0..<pointee.slotCount { pointee.slots[index].watcher.stop() }
        for socket in pointee.server.pointee.listeningSockets { socket.close() }
    }

    /// Frees a stopped listener.
    func destroy() {
        for index in 0..<pointee.slotCount { pointee.slots[index].storage.deallocate() }
        pointee.slots.deinitialize(count: pointee.slotCount)
        deinitialize(count: 1)
        deallocate()
    }
}
