import Glibc
import MartletEvent
import MartletStore

/// A server without threads and without a network: a listener and workers that take their turns when they are told to,
/// with a clock moved by hand and the system calls of whoever made it. Listener, workers, connections, execution and
/// store are those of every server.
///
/// For simulations of faults: with one seed behind clock, network and order, a run can be repeated exactly. One thread.
///
/// 1. Who is due is for the caller to say; a connection is only told if it waits for just that (`wants`).
/// 2. The sockets that the caller's `accept` gives must be descriptors that the system can watch, though nobody waits
///    for them. The server closes them.
/// 3. An accepted socket lies in a worker's inbox until the next round of that worker.
package final class SteppedServer {
    /// What a connection waits for.
    package enum Want: Equatable { case input, room, nothing }

    /// A connection, as long as it is open; see `isOpen`.
    package struct Place: Hashable {
        fileprivate let connection: UnsafeMutablePointer<Connection>
        package let worker: Int
    }

    package let context: UnsafeMutablePointer<ServerContext>
    private let loop: EventLoop
    private let listener: UnsafeMutablePointer<Listener>
    /// Workers whose inbox may have something.
    private var isWoken: [Bool]

    package init(_ settings: ServerSettings, secret: (UInt64, UInt64), syscalls: Syscalls) throws {
        // Something that can be watched, and never is: who waits to be accepted is what `syscalls` say.
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0, let loop = EventLoop() else { throw Self.outOfDescriptors }
        _ = close(ends[1])
        let clock = ServerClock(manualWithWall: 1_750_000_000)
        let store = try CacheStore(settings: settings.storeSettings, secret: secret, now: clock.second)
        let made = UnsafeMutablePointer<ServerContext>.allocate(capacity: 1)
        made.initialize(
            to: ServerContext(
                settings: settings, store: store, clock: clock, syscalls: syscalls,
                credentialFile: try CredentialFile(settings: settings)))
        for index in 0..<settings.threadCount {
            guard let worker = UnsafeMutablePointer<Worker>.make(index: index, server: made) else {
                throw Self.outOfDescriptors
            }
            made.pointee.workers.append(worker)
            made.pointee.workerCounters.append(worker.pointee.counters)
            made.pointee.observers.append(worker.pointee.executor.pointee.observer)
        }
        made.pointee.listeningSockets = [
            ListeningSocket(
                descriptor: ends[0], family: .local, port: 0, name: "simulated", dialect: Dialect(settings), path: nil,
                file: (0, 0))
        ]
        listener = .make(server: made, loop: loop)
        isWoken = Array(repeating: false, count: settings.threadCount)
        self.loop = loop
        context = made
    }

    private static var outOfDescriptors: StartError {
        StartError("the system gives no more descriptors", status: ExitStatus.system)
    }

    deinit {
        for worker in context.pointee.workers {
            while worker.pointee.table.count > 0 {
                worker.pointee.table[worker.pointee.table.count - 1].close(.shutdown)
            }
            worker.destroy()
        }
        listener.stop()
        listener.destroy()
        context.pointee.store.destroy()
        context.deinitialize(count: 1)
        context.deallocate()
    }

    // MARK: Connections

    /// A turn of the listener: what `Syscalls.accept` gives goes to the workers, or is refused.
    package func accept() {
        let before = context.pointee.listenerCounters.accepted.value
        listener.step()
        if context.pointee.listenerCounters.accepted.value != before {
            for index in isWoken.indices { isWoken[index] = true }
        }
    }

    /// Hands a socket to a worker past the listener; the worker closes it at the end.
    package func open(_ descriptor: Int32, on worker: Int) -> Place? {
        let accepted = AcceptedSocket(descriptor: descriptor, listenerIndex: 0, peer: PeerAddress())
        let opened = UnsafeMutablePointer<Connection>.open(accepted, on: context.pointee.workers[worker])
        return opened.map { Place(connection: $0, worker: worker) }
    }

    /// Connections that the listener has refused; pauses that it has made.
    package var rejectedCount: UInt64 { context.pointee.listenerCounters.rejected.value }
    package var pauseCount: UInt64 { context.pointee.listenerCounters.pauses.value }

    /// The connection of a socket; nil before a worker has taken it, and when it is closed.
    package func place(of descriptor: Int32) -> Place? {
        for (index, worker) in context.pointee.workers.enumerated() {
            for number in 0..<worker.pointee.table.count
            where worker.pointee.table[number].pointee.descriptor == descriptor {
                return Place(connection: worker.pointee.table[number], worker: index)
            }
        }
        return nil
    }

    /// What a worker has measured, if the settings have it measure.
    package func turnCounts(of worker: Int) -> UnsafeMutablePointer<TurnCounts>? {
        context.pointee.workers[worker].pointee.turnCounts
    }

    package func connectionCount(of worker: Int) -> Int { context.pointee.workers[worker].pointee.table.count }

    package func isOpen(_ place: Place) -> Bool {
        let worker = context.pointee.workers[place.worker]
        return (0..<worker.pointee.table.count).contains { worker.pointee.table[$0] == place.connection }
    }

    /// Of an open connection.
    package func wants(_ place: Place) -> Want {
        let connection = place.connection
        if connection.pointee.isParked || connection.pointee.isHeldBack || connection.pointee.awaitsAnswer {
            return .nothing
        }
        return connection.pointee.phase == .sending ? .room : .input
    }

    /// Whether the server is on its way to close the open connection, with something to send before, or to be read by
    /// its client.
    package func isEnding(_ place: Place) -> Bool {
        place.connection.pointee.closesWhenSent || place.connection.pointee.phase == .draining
    }

    /// Gives the open connection a turn in its worker's next round.
    package func setDue(_ place: Place) { context.pointee.workers[place.worker].appendReady(place.connection) }

    // MARK: Steps

    /// A round of a worker: a turn for each connection that is due.
    package func round(of worker: Int) {
        if isWoken[worker] {
            isWoken[worker] = false
            context.pointee.workers[worker].woken()
        }
        context.pointee.workers[worker].round()
    }

    /// Whether the worker has turns to give besides those that it is told of.
    package func hasWork(_ worker: Int) -> Bool { context.pointee.workers[worker].pointee.readyHead != nil }

    package func advance(seconds: UInt32) { context.pointee.clock.advance(seconds: seconds) }

    /// A pass of the maintainer; returns whether it left something to do.
    package func maintain() -> Bool {
        context.pointee.store.makeMemory()
        return context.pointee.store.maintain(now: context.pointee.clock.second)
    }

    /// As `flush_all`, at once.
    package func flush() { context.pointee.workers[0].pointee.executor.pointee.session.flushAll() }

    /// Uploads that wait for room, of all workers.
    package var parkedCount: Int { context.pointee.uploads.parkedCount }

    /// Connections closed for the budget, for being silent, and for want of memory.
    package var kicks: (budget: UInt64, idle: UInt64, memory: UInt64) {
        context.pointee.workerCounters.reduce(into: (0, 0, 0)) { sum, counters in
            sum.0 += counters.pointee.network.budgetKicks.value
            sum.1 += counters.pointee.network.idleKicks.value
            sum.2 += counters.pointee.network.memoryKicks.value
        }
    }
}
