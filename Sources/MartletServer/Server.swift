import CShims
import Glibc
import MartletEvent
import MartletStore

// MartletServer: sockets to store and back.
//
// Goals: what memcached does on the wire, with one read and one send per batch of commands, no allocation per command,
// and bounds on everything that a client could make grow.
// Non-goals: another protocol, storage of its own, anything asynchronous inside a request.
//
// Threads. The main thread accepts connections and hands them to the workers; each connection lives and dies on one
// worker, which owns all it needs; the maintainer's two threads work on the store in the background:
//
//     main thread      Listener ---inbox---> Worker 0: loop, buffers, executor, connections ---> CacheStore
//     (MainLoop)                \--inbox---> Worker 1: ...                                  ---/     |
//                                                                                 Maintainer -------/
//
// A request's way, all on one thread: `Connection.takeTurn` (one read) -> `ConnectionMachine.receive` (parse) ->
// `Executor` (store call, reply) -> `OutputBuffer` -> `Connection.sendOutput` (one send).

/// A whole server: what `martletd` runs, and what tests run in their own process.
///
/// `start`, then `run` on the thread that is to be the main thread; `stop` from any thread makes `run` return when
/// everything has ended.
package final class Server: @unchecked Sendable {
    // Unchecked because of the raw memory it points to: that is either safe for all threads (`ServerContext`) or only
    // touched by start and run, which the caller calls one after the other.

    package let context: UnsafeMutablePointer<ServerContext>
    private var mainLoop: UnsafeMutablePointer<MainLoop>?
    private var listener: UnsafeMutablePointer<Listener>?
    private var maintainer: UnsafeMutablePointer<Maintainer>?
    private var announcer: UnsafeMutablePointer<Announcer>?

    /// Creates the store; no descriptor and no thread yet, so that the process may still fork.
    package init(
        settings: ServerSettings, clock: consuming ServerClock = ServerClock(), syscalls: Syscalls = .system
    ) throws(StartError) {
        var settings = settings
        settings.presetBytes = ServerSettings.presetBytesFromEnvironment
        let topology = try Topology(settings: settings, wallSecond: clock.wall)
        let credentialFile = try CredentialFile(settings: settings)
        let tls = try UnsafeMutablePointer<TLSContext>.make(settings, syscalls: syscalls, now: clock.second)
        // Last of what may fail: whoever takes up a cache has to be able to hand it on.
        let store: CacheStore
        do {
            store = try WarmRestart.makeStore(settings, &clock)
        } catch {
            tls?.deinitialize(count: 1)
            tls?.deallocate()
            throw error
        }
        tls?.pointee.setLastRefresh(clock.second)
        store.setMovesPages(settings.slabReassign && settings.slabAutomove > 0)
        store.setAutomove(settings)
        store.setCrawls(settings.lruCrawler)
        store.setCrawlPace(
            sleepMicroseconds: settings.lruCrawlerSleepMicroseconds, itemsMax: settings.lruCrawlerItemsMax)
        context = .allocate(capacity: 1)
        context.initialize(
            to: ServerContext(
                settings: settings, store: store, clock: clock, syscalls: syscalls, topology: topology,
                credentialFile: credentialFile))
        context.pointee.tls = tls
    }

    /// Reads the files that a server of these settings reads when it starts, and keeps nothing of them: says what is wrong
    /// with one while whoever starts it listens.
    package static func checkFiles(_ settings: ServerSettings) throws(StartError) {
        _ = try Topology(settings: settings, wallSecond: 0)
        _ = try CredentialFile(settings: settings)
        if settings.tls.isEnabled { try TLSContext.check(settings.tls) }
        if settings.adminAddress != nil { _ = try AdminToken.read(settings) }
    }

    deinit {
        precondition(mainLoop == nil, "A server was dropped while it ran.")
        context.pointee.store.destroy()
        context.deinitialize(count: 1)
        context.deallocate()
    }

    // MARK: Start and stop, in mirrored order

    /// Opens the listening sockets and starts the threads. After an error nothing is left behind.
    package func start() throws(StartError) {
        do throws(StartError) {
            try listen()
            try startWorkers()
            try startMaintainer()
            try startAnnouncer()
            try startAdmin()
        } catch {
            if let listener { listener.stop() } else { closeListeningSockets() }
            tearDown()
            // What this server has taken up is not lost because it cannot listen.
            WarmRestart.handOn(context.pointee)
            throw error
        }
        if let path = getenv(PortFile.variable) {
            PortFile.write(
                context.pointee.listeningSockets, context.pointee.datagramSockets, path: String(cString: path))
        }
    }

    /// Serves until told to stop, then ends everything. `watchesSignals` only in a process of its own.
    package func run(watchesSignals: Bool = false) {
        guard let mainLoop, let listener else { preconditionFailure("A server runs after it was started.") }
        if watchesSignals {
            mainLoop.watchSignals()
            StopSignals.release()
        }
        mainLoop.run(listener)
        // What comes from now on finds the server stopping, and must not kill it before it has handed on.
        if watchesSignals { StopSignals.hold() }
        tearDown()
        if context.pointee.stopRequest.wasGraceful { WarmRestart.handOn(context.pointee) }
    }

    /// Any thread; returns at once. `run` returns when all has ended.
    package func stop(_ kind: StopRequest.Kind = .immediate) { context.pointee.stopRequest.ask(kind) }

    /// Whether it stopped because one of its threads could not go on. When `run` has returned.
    package var hasFailed: Bool { context.pointee.stopRequest.isFailure }

    private func listen() throws(StartError) {
        let settings = context.pointee.settings
        context.pointee.listeningSockets = try ListeningSocket.takeInherited()
        if !context.pointee.listeningSockets.isEmpty {
            context.pointee.log.note(1, "listening on the sockets of whoever started the server")
            for index in context.pointee.listeningSockets.indices {
                context.pointee.listeningSockets[index].dialect = Dialect(settings)
                if context.pointee.listeningSockets[index].family != .local {
                    context.pointee.listeningSockets[index].security = settings.standardSecurity
                }
            }
        } else if let path = settings.unixSocketPath {
            context.pointee.listeningSockets = [
                try ListeningSocket.openUnix(
                    path: path, mode: settings.unixSocketMode, backlog: settings.listenBacklog)
            ]
            context.pointee.listeningSockets[0].dialect = Dialect(settings)
        } else {
            context.pointee.listeningSockets = try ListeningSocket.openTCP(settings)
        }
        for socket in context.pointee.listeningSockets {
            context.pointee.log.note(2, "<\(socket.descriptor) server listening (\(socket.name))")
        }
        if settings.unixSocketPath == nil { context.pointee.datagramSockets = try DatagramSocket.open(settings) }
        guard let made = UnsafeMutablePointer<MainLoop>.make(server: context) else { throw Self.outOfDescriptors }
        mainLoop = made
        listener = .make(server: context, loop: made.pointee.loop)
    }

    private func closeListeningSockets() {
        for socket in context.pointee.listeningSockets { socket.close() }
    }

    private func startWorkers() throws(StartError) {
        for index in 0..<context.pointee.settings.threadCount {
            guard let worker = UnsafeMutablePointer<Worker>.make(index: index, server: context) else {
                throw Self.outOfDescriptors
            }
            context.pointee.workers.append(worker)
            context.pointee.workerCounters.append(worker.pointee.counters)
            context.pointee.observers.append(worker.pointee.executor.pointee.observer)
            for socket in context.pointee.datagramSockets where socket.workerIndex == index {
                guard worker.serve(socket) else { throw Self.outOfDescriptors }
            }
        }
        let made = UnsafeMutablePointer<Maintainer>.make(server: context)
        maintainer = made
        context.pointee.observers.append(made.pointee.observer)
        for observer in context.pointee.observers where !observer.pointee.ring.isWhole {
            let kilobytes = context.pointee.settings.workerLogBufferBytes >> 10
            throw StartError(
                "-o worker_logbuf_size: the system has no \(kilobytes) KB of memory for each of the threads",
                status: ExitStatus.system)
        }
        for worker in context.pointee.workers {
            guard worker.start() else { throw Self.outOfThreads }
        }
    }

    private func startMaintainer() throws(StartError) {
        guard let maintainer, maintainer.start() else { throw Self.outOfThreads }
    }

    private func startAnnouncer() throws(StartError) {
        guard let made = UnsafeMutablePointer<Announcer>.make(server: context) else { throw Self.outOfDescriptors }
        announcer = made
        guard made.start() else { throw Self.outOfThreads }
    }

    private func startAdmin() throws(StartError) {
        guard context.pointee.settings.adminAddress != nil else { return }
        let made = try AdminEndpoint(server: context)
        context.pointee.admin = made
        for socket in made.sockets { context.pointee.log.note(1, "admin endpoint at \(socket.name)") }
        guard made.start() else { throw Self.outOfThreads }
    }

    private func tearDown() {
        context.pointee.admin?.stop()
        context.pointee.admin = nil
        for worker in context.pointee.workers.reversed() { worker.stop() }
        announcer?.stop()
        announcer?.destroy()
        announcer = nil
        maintainer?.stop()
        maintainer?.destroy()
        maintainer = nil
        context.pointee.observers = []
        for worker in context.pointee.workers.reversed() { worker.destroy() }
        context.pointee.workers = []
        for socket in context.pointee.datagramSockets { socket.close() }
        context.pointee.datagramSockets = []
        context.pointee.workerCounters = []
        listener?.destroy()
        listener = nil
        mainLoop?.destroy()
        mainLoop = nil
    }

    private static let outOfDescriptors = StartError("the system gives no more descriptors", status: ExitStatus.system)
    private static let outOfThreads = StartError("the system gives no more threads", status: ExitStatus.system)

    // MARK: Asking

    /// The TCP port of the first listening socket, nil without one. After `start`.
    package var tcpPort: UInt16? { context.pointee.listeningSockets.first { $0.family != .local }?.port }

    /// The TCP port of the admin endpoint, nil without one. After `start`.
    package var adminPort: UInt16? { context.pointee.admin?.sockets.first?.port }

    /// Brings the clock up to date and lets the workers see it; the main loop does so once a second.
    package func tick() { context.tick() }
}

extension UnsafeMutablePointer where Pointee == ServerContext {
    /// Moves the server second and wakes the workers that have something to do then.
    func tick() {
        pointee.clock.tick()
        for worker in pointee.workers { worker.pointee.tick() }
        pointee.log.tellLeftOut(at: pointee.clock.second)
    }
}

extension UnsafeMutablePointer where Pointee == ServerContext {
    /// SIGHUP: reads again what comes from files. The main thread only.
    package func reload() {
        pointee.topology.look(evenUnchanged: true)
        pointee.credentialFile.reload()
        pointee.admin?.reload()
        if let message = refreshCertificates() {
            ServerLog.write("Could not reload TLS certificates on SIGHUP: \(message)")
        }
    }
}

extension ServerSettings {
    /// memcached's variable for test suites: memory that counts as used from the start.
    fileprivate static var presetBytesFromEnvironment: Int {
        getenv("T_MEMD_INITIAL_MALLOC").flatMap { Int(String(cString: $0)) }.map { Swift.max(0, $0) } ?? 0
    }

    /// What of the settings concerns the store.
    package var storeSettings: StoreSettings {
        var store = StoreSettings()
        store.memoryLimitBytes = memoryBytes
        store.itemBytesMax = itemBytesMax
        store.growthFactor = growthFactor
        store.chunkBytesMin = chunkSpaceBytesMin
        store.eviction = eviction
        store.slabSizes = slabSizes
        store.slabChunkBytesMax = isMemcachedMode ? slabChunkBytesMax ?? slabChunkBytesUsual : slabChunkBytesMax
        store.isMemcachedMode = isMemcachedMode
        store.isSegmented = lruSegmented
        store.maintainsSegments = lruMaintainer
        store.hotFactorMax = hotFactorMax
        store.warmFactorMax = warmFactorMax
        store.issuesTokens = issuesTokens
        store.presetBytes = isMemcachedMode && allowsTestCommands ? Swift.min(presetBytes, Limits.presetBytesMax) : 0
        store.hotPercent = hotPercent
        store.warmPercent = warmPercent
        store.temporarySeconds = UInt32(temporaryTTLSeconds ?? 0)
        store.sealsItems = sealsItems
        return store
    }
}

extension CacheStore {
    /// How pages move with `memcached_mode`, at the start and after a command.
    package func setAutomove(_ settings: ServerSettings) {
        setAutomove(
            level: settings.slabReassign ? settings.slabAutomove : 0, ratio: settings.slabAutomoveRatio,
            windowSeconds: settings.slabAutomoveWindowSeconds)
    }
}
