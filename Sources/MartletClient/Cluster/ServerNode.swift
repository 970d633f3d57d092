import NIOConcurrencyHelpers
import NIOCore
import Synchronization

/// One server: its connections, and whether it is worth asking.
///
///            no connection, or timeoutsUntilDown calls in a row late
///       up  ---------------------------------------------------------->  down, probed after probeDelay, 2 x, 4 x, ...
///           <----------------------------------------------------------
///                               a probe was answered
///
/// Rules:
/// 1. While a server is down, calls for it fail at once, and only the probe connects: one for each server.
/// 2. A connection that breaks is no reason by itself: the next call makes a new one, and that tells. Several in a row
///    that break before they have brought an answer are one.
/// 3. The wait before a probe is between half and all of what it could be, so that many clients do not come at once.
/// 4. A server that answers its probe is used again only when the keys in the invalidation log have been removed there,
///    also those that came meanwhile; `replayRoundsMax` says for how long.
///    What it had received before, and does behind that, is not caught: lives bound how long that can matter.
/// 5. A server that does not take one connection more may be well: it has as many as it will have. While another one is
///    open it is asked over that, and is down if it does not answer. Calls go over the others meanwhile, and the one
///    that could not be made is tried again after waits like those of rule 3.
final class ServerNode: LaneWatcher {
    private struct Health {
        var isDown = false
        var lastError: CacheError?
        /// Failed probes since the server was up.
        var attempts = 0
        var isProbeDue = false
        /// The question of `examine` is under way.
        var isExamined = false
        /// There was news while the server was being asked: what it answers may be older, so it is asked again at once.
        var examinesAgain = false
        var isOver = false

        mutating func takeNews() -> Bool {
            defer { examinesAgain = false }
            return examinesAgain
        }
    }

    /// With the weight that it had first: that is the ring's affair.
    let server: CacheServer
    let configuration: CacheConfiguration
    let events: EventHub
    let eventLoop: any EventLoop
    private let health = NIOLockedValueBox(Health())
    /// Its lock is taken with that of `health` held, never the other way round.
    let invalidations: NIOLockedValueBox<InvalidationLog>
    let isReplayDue = Atomic<Bool>(false)
    /// Replays in a row that have not removed everything, while the server was up.
    let replayFailures = Atomic<Int>(0)
    /// Replays that are under way.
    let replayCount = Atomic<Int>(0)
    /// A copy of `health.isDown` to be read without its lock; it becomes false with that of `invalidations` held.
    private let isDownNow = Atomic<Bool>(false)
    private let timeoutsInARow = Atomic<Int>(0)
    /// The last connection speaks classic commands, though the meta protocol was wanted.
    private let declinesMeta = Atomic<Bool>(false)
    /// Set once, right after the node itself; the last one is for large values.
    private let lanes = NIOLockedValueBox<[Lane]>([])
    private let pending = NIOLockedValueBox(Pending())

    init(
        server: CacheServer, configuration: CacheConfiguration, eventLoops: any EventLoopGroup, events: EventHub
    ) {
        self.server = server
        self.configuration = configuration
        self.events = events
        invalidations = NIOLockedValueBox(InvalidationLog(keysMax: configuration.invalidationsMax))
        eventLoop = eventLoops.next()
        let lanes = (0...max(configuration.connectionsPerServer, 1)).map { _ in
            Lane(server: server, configuration: configuration, eventLoop: eventLoops.next(), watcher: self)
        }
        self.lanes.withLockedValue { $0 = lanes }
    }

    var isDown: Bool { isDownNow.load(ordering: .relaxed) }

    /// Why calls fail while the server is down.
    var downError: CacheError {
        let last = health.withLockedValue { $0.lastError }
        return CacheError(
            last?.code == .unauthorized ? .unauthorized : .serverDown, last?.message ?? "", server: server.name,
            underlying: last?.underlying)
    }

    func lane(for request: CacheRequest) -> Lane {
        lane(isLarge: request.valueBytes > configuration.smallValueBytesMax)
    }

    /// The connection for a request: the one with fewer calls, or that for large values.
    func lane(isLarge: Bool) -> Lane {
        lanes.withLockedValue { lanes in
            let last = lanes.count - 1
            return Self.best(lanes, isLarge ? last..<lanes.count : 0..<last) ?? Self.best(lanes, 0..<lanes.count)
                ?? lanes[0]
        }
    }

    /// The one with the fewest calls, of those that are not paused; rule 5.
    private static func best(_ lanes: [Lane], _ places: Range<Int>) -> Lane? {
        var best: Lane?
        for place in places where !lanes[place].isPaused {
            if let found = best, found.load <= lanes[place].load { continue }
            best = lanes[place]
        }
        return best
    }

    /// Calls whose callers still wait, and replays, which have none between two pieces.
    var liveCount: Int {
        lanes.withLockedValue { $0 }.reduce(replayCount.load(ordering: .relaxed)) { $0 + $1.liveCount }
    }

    var state: ServerState {
        let lanes = lanes.withLockedValue { $0 }
        let open = lanes.filter(\.isOpen)
        let used = open.count { $0.load > 0 }
        return ServerState(
            server: server.name, isDown: isDown, usedConnections: used, idleConnections: open.count - used,
            pendingRequests: lanes.reduce(0) { $0 + $1.load },
            pendingInvalidations: invalidations.withLockedValue { $0.count })
    }

    /// The server is no longer on the ring: calls under way have their time, and those that are just being made.
    func retire() {
        let timer = eventLoop.scheduleTask(
            in: (configuration.operationTimeout + configuration.connectTimeout).timeAmount
        ) {
            if self.liveCount == 0 { self.shutDown() } else { self.retire() }
        }
        keep(timer, as: \.retirement)
    }

    var isOver: Bool { health.withLockedValue { $0.isOver } }

    /// Nothing of it goes on behind this; a log that nobody will replay is told of.
    func shutDown() {
        let wasOver = health.withLockedValue { health in
            defer { health.isOver = true }
            return health.isOver
        }
        guard !wasOver else { return }
        let pending = pending.withLockedValue { pending in
            defer { pending = Pending(isOver: true) }
            return pending
        }
        pending.end()
        for lane in lanes.withLockedValue({ $0 }) { lane.shutDown() }
        if !invalidations.withLockedValue({ $0.isEmpty }) { events.send(.invalidationsLost(server: server.name)) }
    }

    /// What is to come later, or is awaited, besides calls: none of it outlives the node.
    struct Pending {
        var probe: Scheduled<Void>?
        var replay: Scheduled<Void>?
        var retirement: Scheduled<Void>?
        var isOver = false

        func end() {
            for timer in [probe, replay, retirement] { timer?.cancel() }
        }
    }

    func keep(_ timer: Scheduled<Void>, as place: WritableKeyPath<Pending, Scheduled<Void>?> & Sendable) {
        let isOver = pending.withLockedValue { pending in
            if !pending.isOver { pending[keyPath: place] = timer }
            return pending.isOver
        }
        if isOver { timer.cancel() }
    }

    // MARK: LaneWatcher

    func laneAnswered() {
        if timeoutsInARow.load(ordering: .relaxed) != 0 { timeoutsInARow.store(0, ordering: .relaxed) }
    }

    func laneTimedOut(_ count: Int) {
        // Large values may fill the link of one connection, while the server answers over the others.
        let since = NIODeadline.now() - .nanoseconds(configuration.operationTimeout.timeAmount.nanoseconds / 2)
        if lanes.withLockedValue({ $0 }).contains(where: { $0.hasHeard(since: since) }) { return }
        let total = timeoutsInARow.add(count, ordering: .relaxed).newValue
        if total >= configuration.timeoutsUntilDown {
            goDown(CacheError(.timeout, "\(total) calls in a row were late", server: server.name))
        }
    }

    func laneFailed(_ lane: Lane, _ error: CacheError) -> Bool {
        let hasOther = lanes.withLockedValue { $0 }.contains { $0 !== lane && $0.isOpen }
        guard hasOther, !isDown else {
            goDown(error)
            return false
        }
        // Rule 5.
        lane.pause(delay)
        examine()
        return true
    }

    func laneOpened(_ lane: Lane, _ dialect: Dialect) {
        for other in lanes.withLockedValue({ $0 }) where other !== lane { other.speak(dialect) }
        let declines = dialect == .classic && configuration.usesMetaProtocol
        if declines != declinesMeta.exchange(declines, ordering: .relaxed), declines {
            events.send(.metaProtocolDeclined(server: server.name))
        }
    }

    var speaksMeta: Bool { lanes.withLockedValue { $0 }.contains { $0.dialect == .meta } }

    // MARK: Down and up

    private func goDown(_ error: CacheError) {
        let hasNews = health.withLockedValue { health -> Bool? in
            guard !health.isDown, !health.isOver else { return nil }
            health.isDown = true
            health.lastError = error
            health.attempts = 0
            // With the same lock: who hears that the server is down may probe.
            health.isProbeDue = true
            isDownNow.store(true, ordering: .relaxed)
            return health.takeNews()
        }
        guard let hasNews else { return }
        events.send(.serverDown(server: server.name, error: error))
        scheduleProbe()
        if hasNews { probeIfDue() }
    }

    /// Sees to it that the probe that is due is made some time later, if nobody makes it before.
    private func scheduleProbe() {
        let attempts = health.withLockedValue { $0.isOver ? nil : $0.attempts }
        guard let attempts else { return }
        keep(eventLoop.scheduleTask(in: delay(behind: attempts)) { self.probeIfDue() }, as: \.probe)
    }

    /// Rule 3, behind so many failures in a row.
    func delay(behind failures: Int) -> TimeAmount {
        let longest = configuration.probeDelayMax.timeAmount.nanoseconds
        let first = configuration.probeDelay.timeAmount.nanoseconds
        let doubled = first.multipliedReportingOverflow(by: 1 << Int64(min(failures, 30)))
        let delay = doubled.overflow ? longest : min(doubled.partialValue, longest)
        return .nanoseconds(Int64.random(in: max(delay / 2, 1)...max(delay, 1)))
    }

    /// Whoever comes first probes: the timer, or somebody with news of the server.
    private func probeIfDue() {
        let isDue = health.withLockedValue { health in
            defer { health.isProbeDue = false }
            return health.isProbeDue
        }
        if isDue { probe() }
    }

    /// Asks the server now whether it is there: one that is down need not wait for its probe, and one that is up and
    /// does not answer is down.
    /// One question at a time: news meanwhile is followed by another.
    func examine() {
        enum Step { case wait, ask, probe }
        let step = health.withLockedValue { health -> Step in
            let isAsked = health.isDown ? !health.isProbeDue : health.isExamined
            guard !isAsked else {
                health.examinesAgain = true
                return .wait
            }
            if health.isDown {
                health.isProbeDue = false
                return .probe
            }
            health.isExamined = true
            return .ask
        }
        switch step {
        case .wait: break
        case .ask: ask(CacheRequest(.get, Self.probeKey)) { self.examined($0) }
        case .probe: probe()
        }
    }

    private func examined(_ outcome: CallOutcome) {
        let hasNews = health.withLockedValue { health -> Bool in
            health.isExamined = false
            // Down by now: the news is the probe's.
            return !health.isDown && health.takeNews()
        }
        if case .failure(let error) = outcome, !Self.isAnswer(outcome) {
            switch error.code {
            case .overloaded, .cancelled, .shutDown: break  // Our own doing, which tells nothing of the server.
            case .serverDown where error.isUnsent: break  // The question that `laneFailed` has asked for comes next.
            default: goDown(error)
            }
        }
        if hasNews { examine() }
    }

    /// Nobody's.
    private static let probeKey = CacheKey("martlet:probe")

    /// Any answer will do.
    private func probe() {
        guard health.withLockedValue({ !$0.isOver }) else { return }
        ask(CacheRequest(.get, Self.probeKey)) { outcome in
            if Self.isAnswer(outcome) { return self.replay(.toComeUp(round: 0)) }
            self.probeFailed(counts: !Self.isCrowdedOut(outcome))
        }
    }

    /// - Parameter counts: Whether the next wait is longer: not if only this client had no room for the question.
    func probeFailed(counts: Bool = true) {
        let hasNews = health.withLockedValue { health in
            if counts { health.attempts += 1 }
            health.isProbeDue = true
            return health.takeNews()
        }
        scheduleProbe()
        if hasNews { probeIfDue() }
    }

    private static func isAnswer(_ outcome: CallOutcome) -> Bool {
        guard case .failure(let error) = outcome else { return true }
        return error.code == .refused
    }

    private static func isCrowdedOut(_ outcome: CallOutcome) -> Bool {
        if case .failure(let error) = outcome { error.code == .overloaded } else { false }
    }

    /// Over one connection, so that what is asked first is answered first.
    func ask(_ request: CacheRequest, _ answered: @escaping @Sendable (CallOutcome) -> Void) {
        let deadline = NIODeadline.now() + (configuration.operationTimeout + configuration.connectTimeout).timeAmount
        let lane = lanes.withLockedValue { lanes in lanes.first { !$0.isPaused } ?? lanes[0] }
        lane.submit(
            CallSlot(
                identity: CallIdentity.next(), deadline: deadline, completion: .probe(answered),
                request: request))
    }

    /// The server is used again, unless something that is due came meanwhile and there may be another round: then it
    /// stays down, and the answer is false.
    func comeUp(mayWait: Bool) -> Bool {
        let hasNews = health.withLockedValue { health -> Bool? in
            // In one with `note`: a key that comes later finds the server up.
            let isUp = invalidations.withLockedValue { log in
                guard !mayWait || !log.isDue else { return false }
                isDownNow.store(false, ordering: .relaxed)
                return true
            }
            guard isUp else { return nil }
            health.isDown = false
            health.attempts = 0
            return health.takeNews()
        }
        guard let hasNews else { return false }
        timeoutsInARow.store(0, ordering: .relaxed)
        events.send(.serverUp(server: server.name))
        if hasNews { examine() }
        return true
    }
}

/// Numbers for calls, unique in the process.
enum CallIdentity {
    private static let last = Atomic<UInt64>(0)

    static func next(_ count: Int = 1) -> UInt64 {
        last.add(UInt64(count), ordering: .relaxed).newValue - UInt64(count)
    }
}
