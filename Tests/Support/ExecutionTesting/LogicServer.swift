import MartletServer
import MartletStore

/// Parser, executor and store without sockets and threads, the clock moved by hand.
package final class LogicServer {
    package let context: UnsafeMutablePointer<ServerContext>
    package let counters: UnsafeMutablePointer<WorkerCounters>
    package let session: StoreSession
    let executor: UnsafeMutablePointer<Executor>
    let output: UnsafeMutablePointer<OutputBuffer>

    /// Wall time at the start: a day in 2025.
    package static let wallSeconds: Int64 = 1_750_000_000

    package static let secret: (UInt64, UInt64) = (11, 12)

    /// `arenaBytesMax`: address space for pages; little makes a server that is quickly made and gone.
    package init(
        _ settings: ServerSettings = ServerSettings(), secret: (UInt64, UInt64) = LogicServer.secret,
        arenaBytesMax: Int = .max
    ) throws {
        let clock = ServerClock(manualWithWall: Self.wallSeconds)
        let second = clock.second
        var storeSettings = settings.storeSettings
        storeSettings.arenaBytesMax = arenaBytesMax
        let store = try CacheStore(settings: storeSettings, secret: secret, now: second)
        context = .allocate(capacity: 1)
        context.initialize(
            to: ServerContext(
                settings: settings, store: store, clock: clock, credentialFile: try CredentialFile(settings: settings)))
        counters = .allocate(capacity: 1)
        counters.initialize(to: WorkerCounters())
        context.pointee.workerCounters = [counters]
        session = store.makeSession()
        executor = .allocate(capacity: 1)
        executor.initialize(to: Executor(session: session, counters: counters, server: context))
        executor.pointee.setNow(second)
        context.pointee.observers = [executor.pointee.observer]
        output = .allocate(capacity: 1)
        output.initialize(to: OutputBuffer())
    }

    deinit {
        output.deinitialize(count: 1)
        output.deallocate()
        executor.deinitialize(count: 1)
        executor.deallocate()
        context.pointee.store.destroy()
        context.deinitialize(count: 1)
        context.deallocate()
        counters.deinitialize(count: 1)
        counters.deallocate()
    }

    /// `network`: the client's address, as `LoginPace` counts; nil on a Unix socket. `isDatagram`: the connection is one
    /// datagram's.
    package func connect(
        commandsMax: Int = Limits.commandsPerTurnDefault, from network: UInt64? = nil, isDatagram: Bool = false
    ) -> LogicConnection {
        LogicConnection(self, commandsMax: commandsMax, network: network, isDatagram: isDatagram)
    }

    /// One turn for each, as in a worker's round.
    package func round(_ connections: [LogicConnection]) {
        executor.pointee.beginRound()
        for connection in connections where !connection.isClosed { _ = connection.takeTurn() }
    }

    package func advance(seconds: UInt32) {
        context.pointee.clock.advance(seconds: seconds)
        executor.pointee.setNow(context.pointee.clock.second)
    }
}
