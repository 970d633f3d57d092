import Glibc
import LoadWorkload
import Synchronization

/// One stretch of load: connections are made, threads started, joined, and their tallies added up. Filling is one pass,
/// measuring another.
struct RunPass {
    private let settings: LoadSettings
    private let workload: Workload
    private let truth: Truth
    private let connectors: [SocketConnector]
    private var plan = ThreadPlan()
    private let isFill: Bool

    /// Depth of the requests that fill a server.
    private static let fillDepth = 64

    /// The pass that stores each key once.
    init(filling settings: LoadSettings, truth: Truth, connectors: [SocketConnector]) {
        self.init(settings, truth: truth, connectors: connectors, isFill: true)
        plan.depth = max(Self.fillDepth, settings.depth)
        plan.keysMax = 1
        plan.operationsMax = .max
    }

    /// The pass that is measured.
    init(_ settings: LoadSettings, truth: Truth, connectors: [SocketConnector]) {
        self.init(settings, truth: truth, connectors: connectors, isFill: false)
    }

    private init(_ settings: LoadSettings, truth: Truth, connectors: [SocketConnector], isFill: Bool) {
        self.settings = settings
        self.truth = truth
        self.connectors = connectors
        self.isFill = isFill
        var workload = settings.workload
        if isFill {
            workload.origin = .fill
            workload.operationCount = nil
        }
        self.workload = workload
        plan.depth = settings.depth
        plan.connectionsToEach = max((settings.connectionCount + settings.threadCount - 1) / settings.threadCount, 1)
        plan.keysMax = workload.mix.share(of: .multiget) > 0 ? workload.mix.multigetKeys.upperBound : 1
        if case .trace = workload.origin, !isFill { plan.keepsKeyOrder = true }
        plan.wire = settings.wire
        if !isFill {
            plan.isOpenLoop = settings.pace.isOpenLoop
            if case .timed(let speed) = settings.pace {
                plan.isTimed = true
                plan.speed = speed
            }
        }
        plan.verification = settings.verification
        plan.keepsGoing = settings.keepsGoing
        plan.timeout = UInt64(settings.timeoutSeconds * 1e9)
        plan.interval = UInt64(settings.intervalSeconds * 1e9)
    }

    /// `facts`: the servers', in their order; none where nobody asks what the pass cost them. `wantsEnd`: whether the
    /// pass is to end early.
    func run(
        facts: [ServerFacts], wantsEnd: @escaping () -> Bool, progress: (TimelinePoint) -> Void
    ) throws(LoadError) -> RunResult {
        let count = settings.threadCount
        let shared = try RunControl(wantsEnd: wantsEnd)
        let control = UnsafeMutablePointer<RunControl>.allocate(capacity: 1)
        control.initialize(to: shared)
        let boards = UnsafeMutablePointer<IntervalBoards>.allocate(capacity: count)
        for index in 0..<count { (boards + index).initialize(to: IntervalBoards()) }
        let drivers = UnsafeMutablePointer<DriverThread>.allocate(capacity: count)
        var made = 0
        defer {
            drivers.deinitialize(count: made)
            drivers.deallocate()
            boards.deinitialize(count: count)
            boards.deallocate()
            control.deinitialize(count: 1)
            control.deallocate()
        }
        while made < count {
            (drivers + made).initialize(to: try driver(made, control, boards + made))
            made += 1
            try open(drivers + made - 1)
        }
        let times = schedule(drivers)
        try start(drivers, control)
        var timeline = Timeline(times: times, interval: plan.interval)
        _ = control.pointee.wait(until: times.measuresAt)
        let began = facts.map(\.cpuNanoseconds)
        let ticks = facts.map(\.cpuTicks)
        timeline.draw(boards: boards, count: count, control: control, progress: progress)
        for index in 0..<count { (drivers + index).join() }
        let ended = facts.map(\.cpuNanoseconds)
        let shares = facts.indices.map { facts[$0].kernelShare(since: ticks[$0]) }
        timeline.drawRest(boards: boards, count: count)
        for index in 0..<count {
            if let failure = drivers[index].failure, drivers[index].tally.violations.isEmpty { throw failure }
            if let failure = drivers[index].source.failure { throw .circumstances(failure.message) }
        }
        var result = result(drivers, times, timeline.points)
        for index in facts.indices {
            if let began = began[index], let ended = ended[index], ended >= began {
                result.servers[index].cpuNanoseconds = ended - began
            }
            result.servers[index].kernelShare = shares[index]
            let memory = facts[index].residentBytes
            result.servers[index].residentBytes = memory?.now
            result.servers[index].residentBytesPeak = memory?.peak
        }
        if !isFill { result.invalidReasons = RunDoubts(result, isOpenLoop: plan.isOpenLoop).sentences }
        return result
    }

    // MARK: Beginning

    private func driver(
        _ index: Int, _ control: UnsafeMutablePointer<RunControl>, _ boards: UnsafeMutablePointer<IntervalBoards>
    ) throws(LoadError) -> DriverThread {
        var plan = plan
        plan.index = index
        if !isFill, let count = settings.requestCount {
            let threads = UInt64(settings.threadCount)
            plan.operationsMax = count / threads + (UInt64(index) < count % threads ? 1 : 0)
        }
        var (pieces, spacing) = ([ArrivalSchedule.Piece(length: 1, from: 1, to: 1)], Pace.Spacing.constant)
        if case .arriving(let curve, let wanted) = settings.pace {
            pieces = curve.pieces(leadSeconds: settings.warmUpSeconds, seconds: settings.seconds)
            spacing = wanted
        }
        let source: OperationSource
        do {
            source = try OperationSource(
                workload, seed: settings.seed, thread: index, threadCount: settings.threadCount)
        } catch {
            throw .usage(error.message)
        }
        let schedule = ArrivalSchedule(
            pieces, spacing, seed: settings.seed, thread: index, threadCount: settings.threadCount)
        return try DriverThread(
            plan: plan, source: source, schedule: schedule, keySpace: workload.keys, truth: truth,
            connectors: connectors, boards: boards,
            control: control)
    }

    private func open(_ driver: UnsafeMutablePointer<DriverThread>) throws(LoadError) {
        for index in 0..<driver.pointee.connectionCount {
            let connection = driver.pointee.connections + index
            let descriptor = try connectors[Int(connection.pointee.server)].connect(seconds: settings.connectSeconds)
            guard driver.open(connection, descriptor) else {
                throw .circumstances("The kernel refuses to watch a connection: \(String(cString: strerror(errno))).")
            }
        }
    }

    /// Fixes the moments of the run, now that all connections stand.
    private func schedule(_ drivers: UnsafeMutablePointer<DriverThread>) -> RunTimes {
        let startsAt = MonotonicTime.now()
        let warmUp = isFill ? 0 : UInt64(settings.warmUpSeconds * 1e9)
        let measuresAt = startsAt + warmUp
        let endsAt = isFill ? .max : settings.seconds.map { measuresAt + UInt64($0 * 1e9) } ?? .max
        for index in 0..<settings.threadCount {
            drivers[index].schedule.begin(at: startsAt)
            drivers[index].plan.startsAt = startsAt
            drivers[index].plan.startsAtWallSecond = UInt64(MonotonicTime.wallSeconds())
            drivers[index].plan.measuresAt = measuresAt
            drivers[index].plan.endsAt = endsAt
        }
        return RunTimes(measuresAt: measuresAt, endsAt: endsAt, wallSeconds: MonotonicTime.wallSeconds())
    }

    private func start(
        _ drivers: UnsafeMutablePointer<DriverThread>, _ control: UnsafeMutablePointer<RunControl>
    ) throws(LoadError) {
        for index in 0..<settings.threadCount {
            guard (drivers + index).start() else {
                control.pointee.stops.store(true, ordering: .relaxed)
                for started in 0..<index { (drivers + started).join() }
                throw .circumstances("The system gives no thread for the driver.")
            }
        }
    }

    // MARK: Adding up

    private func result(
        _ drivers: UnsafeMutablePointer<DriverThread>, _ times: RunTimes, _ points: [TimelinePoint]
    ) -> RunResult {
        var result = RunResult(of: settings)
        result.startedAt = times.wallSeconds
        result.timeline = points
        var kinds = OperationKind.allCases.map { _ in KindSum() }
        var endedAt = times.measuresAt
        var errorTexts: [String: Int] = [:]
        result.driver.threads = settings.threadCount
        for index in 0..<settings.threadCount {
            let driver = drivers + index
            driver.pointee.tally.pour(into: &result, kinds: &kinds)
            endedAt = max(endedAt, driver.pointee.tally.lastReplyAt, driver.pointee.tally.loadedUntil)
            result.driver.connections += driver.pointee.connectionCount
            for (text, count) in driver.pointee.tally.errorTexts { errorTexts[text, default: 0] += count }
            let cpu = driver.pointee.tally.endedCPU - driver.pointee.tally.startedCPU
            let wall = driver.pointee.tally.endedAt - min(times.measuresAt, driver.pointee.tally.endedAt)
            result.driver.cpuNanoseconds += cpu
            if wall > 0 { result.driver.busyFraction = max(result.driver.busyFraction, Double(cpu) / Double(wall)) }
        }
        for kind in OperationKind.allCases {
            guard let sum = kinds[kind.index].result(of: kind) else { continue }
            result.kinds.append(sum)
            result.response.add(sum.response)
        }
        if !plan.isOpenLoop { result.service = result.response }
        if result.servers.count == 1 { result.servers[0].response = result.response }
        if !errorTexts.isEmpty { result.errorTexts = errorTexts }
        result.seconds = Double(endedAt - times.measuresAt) / 1e9
        return result
    }
}

extension RunResult {
    /// Nothing measured yet.
    init(of settings: LoadSettings) {
        self.init(label: settings.label ?? settings.servers.map(\.description).joined(separator: ", "))
        servers = settings.servers.map { ServerResult(address: $0.description) }
        self.settings = settings.described
    }
}

/// The moments of a pass, in nanoseconds of the monotonic clock, and when it began in seconds since 1970.
struct RunTimes: BitwiseCopyable {
    var measuresAt: UInt64
    var endsAt: UInt64
    var wallSeconds: Double
}
