import CShims
import Glibc
import LoadWorkload
import Synchronization

/// One thread of the driver: a loop over its connections that sends operations and checks what comes back.
///
/// A turn of the loop:
///
///     wait -> for each readable connection:  one recv -> replies, oldest request first -> requests that there is room
///             for now -> one send
///          -> arrivals that are due (open loop), connections that waited for something to send
///          -> now and then: time limits, broken connections, the end of an interval
///
/// Goals: no allocation, no reference counting, one system call in and one out for each batch of a pipeline.
/// Non-goals: fairness beyond what the kernel gives; more than one thread at a connection.
/// Threads: made by `LoadRun`, then moved into a thread of its own; `control` and `boards` alone are shared.
struct DriverThread: ~Copyable {
    var plan: ThreadPlan
    let poll: Int32
    let events: UnsafeMutableRawPointer
    let connections: UnsafeMutablePointer<Connection>
    let connectionCount: Int
    /// `LoadLimits.inputBytes` and `readAheadBytes`.
    let input: UnsafeMutableRawPointer
    var output = GrowingBytes()
    /// `VALUE ` and room for a key that is compared.
    let keyRoom: UnsafeMutableRawPointer
    /// `VALUE ` and what all keys below `framedKeysEnd` begin with, `keyFrameBytes` in all; eight digits follow.
    let keyFrame: UnsafeMutableRawPointer
    let keyFrameBytes: Int
    /// The bytes of the frame's last, broken word.
    let keyFrameMask: UInt64
    /// 0 where keys have no common frame.
    let framedKeysEnd: UInt64
    /// 1 if the content of values is checked.
    let verifiesValues: Int
    var source: OperationSource
    /// Behind a pointer: passed on as it is and not copied for each key.
    let keySpace: UnsafeMutablePointer<KeySpace>
    let truth: Truth
    var tally: Tally
    let boards: UnsafeMutablePointer<IntervalBoards>
    let control: UnsafeMutablePointer<RunControl>
    let connectors: [SocketConnector]
    /// What this turn's wait brought.
    var now: UInt64 = 0
    var housekeepingAt: UInt64 = 0
    /// No connection is given up before: the driver itself has been away.
    var patientUntil: UInt64 = 0
    var intervalEndsAt: UInt64 = 0
    /// The user has asked for the end; answers are waited for until `graceEndsAt`.
    var isInterrupted = false
    var graceEndsAt = UInt64.max
    /// Operations that may still be taken from the source.
    var operationsLeft: UInt64
    var isSourceDry = false
    /// It is dry because there are no more operations, and not because the time is over.
    var hasRunOut = false
    /// The source's next operation, if `hasUpcoming`.
    var upcoming = ServerQueue.Arrival(operation: Operation(kind: .get, key: 0), dueAt: 0, waitedForServer: false)
    var hasUpcoming = false
    /// Open loop: when operations are due.
    var schedule: ArrivalSchedule
    /// One for each server.
    let queues: UnsafeMutablePointer<ServerQueue>
    /// Operations that wait in the queues.
    var waitingCount = 0
    /// An operation is due that must wait for another request's reply.
    var isHeldUp = false
    /// When the last turn ended, no connection was to be had for what was due.
    var isBlocked = false
    /// What was due up to then had to wait for a server.
    var blockedUntil: UInt64 = 0
    var keysInFlight: KeysInFlight
    /// The reply at hand has led to a further request.
    var hasFollowed = false
    var isMeasuring = false
    /// Requests under way, requests that replies have led to, and operations that wait.
    var pendingCount = 0
    var opaque: UInt16 = 0
    var run = ReplyRun()
    fileprivate var thread = pthread_t()
    /// Why the thread gave up; cold.
    var failure: LoadError?

    static let eventsMax = 256
    /// What is waited for at an undisturbed connection. Told once, so that the kernel need not look again at what was
    /// read already.
    static var interest: UInt32 { CSHIMS_POLL_READABLE | CSHIMS_POLL_CLOSED | CSHIMS_POLL_ONCE }

    init(
        plan: ThreadPlan, source: consuming OperationSource, schedule: consuming ArrivalSchedule, keySpace: KeySpace,
        truth: Truth,
        connectors: [SocketConnector], boards: UnsafeMutablePointer<IntervalBoards>,
        control: UnsafeMutablePointer<RunControl>
    ) throws(LoadError) {
        let poll = cshims_poll_new()
        guard poll >= 0 else { throw .circumstances("No descriptor for epoll: \(String(cString: strerror(errno))).") }
        self.poll = poll
        self.plan = plan
        self.source = source
        self.schedule = schedule
        self.keySpace = .allocate(capacity: 1)
        self.keySpace.initialize(to: keySpace)
        self.truth = truth
        self.connectors = connectors
        self.boards = boards
        self.control = control
        operationsLeft = plan.operationsMax
        self.plan.isPlain = !plan.isOpenLoop && !plan.keepsKeyOrder && connectors.count == 1
        events = .allocate(byteCount: Self.eventsMax * cshims_poll_event_bytes(), alignment: 16)
        input = .allocate(byteCount: LoadLimits.inputBytes + LoadLimits.readAheadBytes, alignment: 4096)
        keyRoom = .allocate(byteCount: 512, alignment: 64)
        keyRoom.copyMemory(from: "VALUE ", byteCount: 6)
        keyFrame = .allocate(byteCount: 512, alignment: 64)
        keyFrame.copyMemory(from: "VALUE ", byteCount: 6)
        _ = keySpace.write(0, at: keyFrame + 6)
        let headBytes = keySpace.headBytes
        keyFrameBytes = 6 + max(headBytes, 0)
        keyFrameMask = 1 << UInt64(8 * (keyFrameBytes % 8)) - 1
        framedKeysEnd = headBytes >= 0 ? KeySpace.eightDigitsEnd : 0
        verifiesValues = truth.verification == .full ? 1 : 0
        connectionCount = plan.connectionsToEach * connectors.count
        connections = .allocate(capacity: max(connectionCount, 1))
        for index in 0..<connectionCount {
            let server = Int32(index % connectors.count)
            (connections + index).initialize(to: Connection(server: server, depth: plan.depth, keysMax: plan.keysMax))
        }
        queues = .allocate(capacity: connectors.count)
        for index in 0..<connectors.count {
            (queues + index).initialize(
                to: ServerQueue(
                    connectionCount: plan.connectionsToEach,
                    waitingMax: connectors.count > 1 ? LoadLimits.waitingMax : 1))
        }
        keysInFlight = KeysInFlight(
            count: plan.keepsKeyOrder ? connectionCount * plan.depth + connectors.count * LoadLimits.waitingMax : 0)
        tally = Tally(serverCount: connectors.count)
        _ = output.reserve(LoadLimits.outputBytes + 4096)
    }

    deinit {
        connections.deinitialize(count: connectionCount)
        connections.deallocate()
        queues.deinitialize(count: connectors.count)
        queues.deallocate()
        close(poll)
        events.deallocate()
        input.deallocate()
        keyRoom.deallocate()
        keyFrame.deallocate()
        keySpace.deallocate()
    }
}

extension UnsafeMutablePointer where Pointee == DriverThread {
    /// Starts the thread; false when the system gives none. Signals stay with the threads that are there already.
    func start() -> Bool {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        pointee.control.pointee.begin()
        let result = pthread_create(
            &pointee.thread, nil,
            { context in
                // Safe: the context is the driver, which outlives its thread.
                let driver = context.unsafelyUnwrapped.assumingMemoryBound(to: DriverThread.self)
                cshims_name_thread("load")
                driver.run()
                driver.pointee.control.pointee.end()
                return nil
            }, self)
        if result != 0 { pointee.control.pointee.end() }
        return result == 0
    }

    /// Waits until the thread has ended. Once.
    func join() { pthread_join(pointee.thread, nil) }
}

/// Replies of one kind to requests that were sent together and came together: counted at once. In a pipeline that is
/// most of them.
struct ReplyRun: BitwiseCopyable {
    var count = 0
    var kind = 0
    var intendedAt: UInt64 = 0
    var sentAt: UInt64 = 0
    /// Values since the run before, whatever their request's kind.
    var hits = 0
    var hitBytes = 0
    var verified = 0
}

extension OperationKind {
    /// Position among all kinds. The same as the raw value, which another module can only ask for by a call.
    @inline(__always)
    var index: Int {
        // Safe: a frozen enum of bytes whose raw values count from 0 is its raw value.
        Int(unsafeBitCast(self, to: UInt8.self))
    }
}

/// The numbers of a run that a driver thread needs; times in nanoseconds of the monotonic clock.
struct ThreadPlan: BitwiseCopyable {
    var index = 0
    var depth = 1
    /// Connections of this thread to each server.
    var connectionsToEach = 1
    /// Keys of the largest multiget.
    var keysMax = 1
    var wire = WireProtocol.classic
    var verification = Verification.full
    var isOpenLoop = false
    /// Open loop with a trace's own times, so many times as fast.
    var isTimed = false
    var speed = 1.0
    /// Requests for one key are sent one after the other.
    var keepsKeyOrder = false
    var keepsGoing = false
    var operationsMax = UInt64.max
    /// Closed loop, one server, any order: nothing can keep an operation from being sent at once.
    var isPlain = false
    var timeout: UInt64 = 5_000_000_000
    var interval: UInt64 = 1_000_000_000
    var startsAt: UInt64 = 0
    /// The same moment in seconds since 1970.
    var startsAtWallSecond: UInt64 = 0
    var measuresAt: UInt64 = 0
    var endsAt = UInt64.max
}
