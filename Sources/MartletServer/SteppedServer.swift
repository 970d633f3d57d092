import MartletStore

/// A server without threads and without a network: workers that take their turns when they are told to, with a clock
/// moved by hand and the system calls of whoever made it. Workers, connections, execution and store are those of every
/// server.
///
/// For simulations of faults: with one seed behind clock, network and order, a run can be repeated exactly. One thread.
///
/// 1. Who is due is for the caller to say; a connection is only told if it waits for just that (`wants`).
/// 2. The caller's sockets must be descriptors that the system can watch, though nobody waits for them.
package final class SteppedServer {
    /// What a connection waits for.
    package enum Want: Equatable { case input, room, nothing }

    /// A connection, as long as it is open; see `isOpen`.
    package struct Place: Hashable {
        fileprivate let connection: UnsafeMutablePointer<Connection>
        package let worker: Int
    }

    package let context: UnsafeMutablePointer<ServerContext>

    package init(_ settings: ServerSettings, secret: (UInt64, UInt64), syscalls: Syscalls) throws {
        let clock = ServerClock(manualWithWall: 1_750_000_000)
        let store = try CacheStore(settings: settings.storeSettings, secret: secret, now: clock.second)
        context = .allocate(capacity: 1)
        context.initialize(to: ServerContext(settings: settings, store: store, clock: clock, syscalls: syscalls))
        for index in 0..<settings.threadCount {
            guard let worker = UnsafeMutablePointer<Worker>.make(index: index, server: context) else {
                throw StartError("the system gives no more descriptors", status: ExitStatus.system)
            }
            context.pointee.workers.append(worker)
            context.pointee.workerCounters.append(worker.pointee.counters)
            context.pointee.observers.append(worker.pointee.executor.pointee.observer)
        }
    }

    deinit {
        for worker in context.pointee.workers {
            while worker.pointee.table.count > 0 {
                worker.pointee.table[worker.pointee.table.count - 1].close(.shutdown)
            }
            worker.destroy()
        }
        context.pointee.store.destroy()
        context.deinitialize(count: 1)
        context.deallocate()
    }

    // MARK: Connections

    /// Hands a socket to a worker, which closes it at the end.
    package func open(_ descriptor: Int32, on worker: Int) -> Place? {
        let accepted = AcceptedSocket(descriptor: descriptor, listenerIndex: 0, peer: PeerAddress())
        let opened = UnsafeMutablePointer<Connection>.open(accepted, on: context.pointee.workers[worker])
        return opened.map { Place(connection: $0, worker: worker) }
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

    /// Gives the open connection a turn in its worker's next round.
    package func setDue(_ place: Place) { context.pointee.workers[place.worker].appendReady(place.connection) }

    // MARK: Steps

    /// A round of a worker: a turn for each connection that is due.
    package func round(of worker: Int) { context.pointee.workers[worker].round() }

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
