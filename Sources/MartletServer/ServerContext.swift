import MartletEvent
import MartletStore
import Synchronization

/// What all threads of one server share, in memory that outlives them. Everything in it is safe to use from any thread.
///
/// `workers` and `listeners` are filled in before the first thread starts and do not change until the last has ended.
package struct ServerContext: ~Copyable {
    package let settings: ServerSettings
    package let store: CacheStore
    package let clock: ServerClock
    package let administration: AdministrationState
    package let budget: BufferBudget
    package let uploads = UploadRoom()
    package let addressCounts: AddressCounts
    package let loginPace: LoginPace
    package let listenerCounters = ListenerCounters()
    /// nil without `-Z`. Set before the first thread starts.
    package internal(set) var tls: UnsafeMutablePointer<TLSContext>?
    let syscalls: Syscalls
    package let log: ServerLog
    let stopRequest = StopRequest()
    /// Called by the main thread when the server begins to stop. Set before it runs.
    package var stopNotice: (@Sendable () -> Void)?
    /// How long a graceful stop waits. Set before the stop is asked for, by whoever asks.
    package var gracefulStopSecondsMax = Limits.gracefulStopSecondsMax
    package let topology: Topology
    package let credentialFile: CredentialFile
    /// Who watches. Behind a pointer, because observers point to it.
    package let observation: UnsafeMutablePointer<Observation>

    /// One of each thread that sees anything, workers first.
    package var observers: [UnsafeMutablePointer<Observer>] = []
    var workers: [UnsafeMutablePointer<Worker>] = []
    /// Counters of each worker, in the order of the workers.
    package var workerCounters: [UnsafeMutablePointer<WorkerCounters>] = []
    /// The listening sockets, in the order of `AcceptedSocket.listenerIndex`.
    package internal(set) var listeningSockets: [ListeningSocket] = []
    /// nil without `--admin`. The main thread's.
    var admin: AdminEndpoint?
    /// The UDP sockets of all workers.
    package internal(set) var datagramSockets: [DatagramSocket] = []

    /// Connections accepted and not closed yet; those on their way to a worker count.
    package var connectionCount: Int {
        // What has ended is read first: read the other way, a connection that comes and goes meanwhile would only count
        // as gone.
        var ended: UInt64 = 0
        for counters in workerCounters { ended += counters.pointee.network.closed.value }
        ended += observation.pointee.closed.value
        return Int(truncatingIfNeeded: listenerCounters.accepted.value &- ended)
    }

    /// Whether the system has memory for a turn of the answer to a rare command. Such answers are made of strings and
    /// arrays, for which Swift ends the process where there is none; requests for values take none.
    var hasMemoryForAnswer: Bool {
        guard let memory = syscalls.allocate(Limits.answerMemoryBytes) else { return false }
        Syscalls.free(memory)
        return true
    }

    package init(
        settings: ServerSettings, store: CacheStore, clock: consuming ServerClock, syscalls: Syscalls = .system,
        topology: consuming Topology = Topology(), credentialFile: consuming CredentialFile = CredentialFile()
    ) {
        self.credentialFile = credentialFile
        self.topology = topology
        self.settings = settings
        self.store = store
        self.clock = clock
        self.syscalls = syscalls
        administration = AdministrationState(settings: settings)
        log = ServerLog(verbosity: settings.verbosity)
        observation = .allocate(capacity: 1)
        observation.initialize(to: Observation(store: store, settings: settings))
        loginPace = LoginPace(isNeeded: Dialect(settings) == .locked)
        addressCounts = AddressCounts(max: settings.connectionsPerAddressMax)
        let given = settings.connectionBufferBytesMax
        budget = BufferBudget(
            copiedBytesMax: given > 0 ? given : Limits.connectionBufferBytesDefault,
            leasedBytesMax: max(settings.memoryBytes / 2, 2 * settings.itemBytesMax))
    }

    deinit {
        observation.deinitialize(count: 1)
        observation.deallocate()
        tls?.deinitialize(count: 1)
        tls?.deallocate()
    }
}

/// The order to stop, which any thread may give; the main loop follows it.
package struct StopRequest: ~Copyable {
    @frozen
    package enum Kind: UInt8, BitwiseCopyable {
        case none, graceful, immediate
    }

    private let kindCode = Atomic<UInt8>(Kind.none.rawValue)
    private let graceful = Atomic<Bool>(false)
    private let failed = Atomic<Bool>(false)
    /// The main loop's wakeup, -1 before there is one.
    private let wakeDescriptor = Atomic<Int32>(-1)

    package var kind: Kind { Kind(rawValue: kindCode.load(ordering: .acquiring)) ?? .none }

    /// Whether a graceful stop was asked for, be it hurried on by an immediate one.
    package var wasGraceful: Bool { graceful.load(ordering: .acquiring) }

    /// Whether it is because a thread cannot go on.
    package var isFailure: Bool { failed.load(ordering: .acquiring) }

    /// A thread cannot go on: better none than a server that leaves some of its clients without answers.
    borrowing func fail() {
        failed.store(true, ordering: .releasing)
        ask(.immediate)
    }

    /// Asks the main loop to stop. An immediate request overrides a graceful one.
    package borrowing func ask(_ kind: Kind) {
        if kind == .graceful { graceful.store(true, ordering: .releasing) }
        kindCode.raise(to: kind.rawValue)
        wakeMainLoop()
    }

    borrowing func wakeMainLoop() {
        let descriptor = wakeDescriptor.load(ordering: .acquiring)
        if descriptor >= 0 { LoopWakeup.wake(descriptor) }
    }

    borrowing func setWakeDescriptor(_ descriptor: Int32) {
        wakeDescriptor.store(descriptor, ordering: .releasing)
    }
}

extension Atomic where Value == UInt8 {
    /// Makes it at least `value`; who reads that afterwards, acquiring, sees what came before. By an exchange: of `max`
    /// the thread sanitizer knows nothing.
    func raise(to value: UInt8) {
        var found = load(ordering: .relaxed)
        while found < value {
            let (isDone, original) = compareExchange(
                expected: found, desired: value, ordering: .acquiringAndReleasing)
            if isDone { return }
            found = original
        }
    }
}
