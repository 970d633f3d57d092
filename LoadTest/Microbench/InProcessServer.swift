import MartletServer
import MartletStore

/// A server without sockets: its store, and workers that carry out requests lying in memory.
///
/// Each worker may be used by a thread of its own.
final class InProcessServer: Sendable {
    // Not written once the workers are there.
    private nonisolated(unsafe) let context: UnsafeMutablePointer<ServerContext>
    let workers: [InProcessWorker]

    /// With a fixed secret, so that every run hashes alike.
    init(memoryBytes: Int, workerCount: Int) throws {
        var settings = ServerSettings()
        settings.memoryBytes = memoryBytes
        let clock = ServerClock(manualWithWall: 1_750_000_000)
        let second = clock.second
        let store = try CacheStore(
            settings: settings.storeSettings, secret: (0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9), now: second)
        context = .allocate(capacity: 1)
        context.initialize(to: ServerContext(settings: settings, store: store, clock: clock))
        let context = context
        workers = (0..<workerCount).map { _ in InProcessWorker(context, store.makeSession(), second) }
        context.pointee.workerCounters = workers.map(\.counters)
    }

    deinit {
        for worker in workers { worker.destroy() }
        context.pointee.store.destroy()
        context.deinitialize(count: 1)
        context.deallocate()
    }
}

/// One connection of one worker, and everything between its input and its replies.
struct InProcessWorker: @unchecked Sendable {
    let counters: UnsafeMutablePointer<WorkerCounters>
    private let executor: UnsafeMutablePointer<Executor>
    private let output: UnsafeMutablePointer<OutputBuffer>
    private let machine: UnsafeMutablePointer<ConnectionMachine>

    fileprivate init(_ context: UnsafeMutablePointer<ServerContext>, _ session: StoreSession, _ second: UInt32) {
        counters = OwnLines.allocate(WorkerCounters.self)
        counters.initialize(to: WorkerCounters())
        executor = OwnLines.allocate(Executor.self)
        executor.initialize(to: Executor(session: session, counters: counters, server: context))
        executor.pointee.setNow(second)
        output = OwnLines.allocate(OutputBuffer.self)
        output.initialize(to: OutputBuffer())
        machine = OwnLines.allocate(ConnectionMachine.self)
        machine.initialize(to: ConnectionMachine())
    }

    fileprivate func destroy() {
        machine.deinitialize(count: 1)
        machine.deallocate()
        output.deinitialize(count: 1)
        output.deallocate()
        executor.deinitialize(count: 1)
        executor.deallocate()
        counters.deinitialize(count: 1)
        counters.deallocate()
    }

    /// Carries out whole requests as if one read had brought them. Returns the number of bytes of the replies.
    @inline(never)
    func carryOut(_ requests: UnsafeMutableRawBufferPointer) -> Int {
        var position = 0
        var replyBytes = 0
        while position < requests.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: requests[position...])
            let step = machine.pointee.receive(rest, executor: executor, output: output, commandsMax: 64)
            precondition(step.consumedBytes > 0, "The requests are whole ones.")
            position &+= step.consumedBytes
            replyBytes &+= output.pointee.byteCount &+ output.pointee.leasedBytes
            output.pointee.removeAll()
        }
        return replyBytes
    }
}
