import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Synchronization

/// One connection to a server, made when it is first needed and made anew when it is lost, with the queue of its calls.
///
///     any thread          submit, cancel          one lock, no waiting: append, and wake the loop if nobody has yet
///     the event loop      turn                    encode all that waits, one write
///                         receive                 match what one read brought, complete outside of the lock
///                         timer                   give up what is late
///
/// Phases: idle -> connecting -> open -> idle ..., and closed for good.
///
/// A connection that is lost while it owes its first answer is no good one: behind `uselessMax` of them in a row it is
/// as if none could be made, so that there is a wait before the next.
///
/// Which protocol is spoken, rules:
/// 1. A server that hangs up when it is asked for the meta protocol is asked again, over a new connection; if it hangs
///    up `hangUpsMax` times in a row, and speaks it over no other one, it is spoken to in classic commands.
/// 2. Behind `CacheConfiguration.probeDelayMax` it is asked again, over a new connection.
/// 3. All connections to a server speak the protocol of the one that was made last: the keys of some values are spelt
///    otherwise in the other. A connection is renewed when what was sent over it has been answered.
final class Lane: Sendable {
    private enum Phase {
        case idle
        case connecting
        case open(any Channel, Dialect)
        case closed
    }

    private struct State {
        var queue: CallQueue
        /// Calls that are given up, and taken out in the event loop's next turn.
        var cancelled: Set<UInt64> = []
        var phase = Phase.idle
        var isTurnDue = false
        /// Whether the connection, or the next one, asks for the meta protocol: not if the server hangs up at that.
        var asksMeta: Bool
        /// In a row, when the server was asked for the meta protocol.
        var hangUps = 0
        /// The connection has brought an answer.
        var isUseful = false
        /// Connections in a row that were lost before.
        var useless = 0
        /// The connection is to be made anew; with what `asksMeta` is to be then.
        var renewal: Bool?
        /// Rule 2.
        var retrial: Scheduled<Void>?
        /// When the timer goes off.
        var alarm: NIODeadline?
        var timer: Scheduled<Void>?

        /// There is no connection, and the next one is made when it is needed.
        mutating func becomeIdle(asksMeta: Bool) {
            phase = .idle
            isUseful = false
            self.asksMeta = asksMeta
            hangUps = 0
            renewal = nil
            retrial?.cancel()
            retrial = nil
        }
    }

    /// Rule 1.
    private static let hangUpsMax = 2
    private static let uselessMax = 3

    let server: CacheServer
    let eventLoop: any EventLoop
    let configuration: CacheConfiguration
    private let state: NIOLockedValueBox<State>
    private let callCount = Atomic<Int>(0)
    /// Until then, on the clock of `NIODeadline`, calls had better go over other connections; 0 for no such time.
    private let pauseEnd = Atomic<UInt64>(0)
    /// Connections in a row that could not be made while there were others.
    private let failures = Atomic<Int>(0)
    /// Weak, because a watcher has its lanes.
    private weak let watcher: (any LaneWatcher)?

    init(
        server: CacheServer, configuration: CacheConfiguration, eventLoop: any EventLoop, watcher: any LaneWatcher
    ) {
        self.server = server
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.watcher = watcher
        state = NIOLockedValueBox(
            State(
                queue: CallQueue(
                    inFlightMax: configuration.inFlightMax, waitingMax: configuration.waitingCallsMax,
                    waitingBytesMax: configuration.waitingBytesMax),
                asksMeta: configuration.usesMetaProtocol))
    }

    /// Calls that are waiting or in flight; a hint.
    var load: Int { callCount.load(ordering: .relaxed) }

    /// Calls whose callers still wait.
    var liveCount: Int { state.withLockedValue { $0.queue.liveCount } }

    /// Whether calls had better go over other connections. One that comes all the same makes a connection.
    var isPaused: Bool {
        let end = pauseEnd.load(ordering: .relaxed)
        return end != 0 && NIODeadline.now().uptimeNanoseconds < end
    }

    /// Its connection could not be made, and is not missed for as long as `delay` says behind so many failures before
    /// this one.
    func pause(_ delay: (Int) -> TimeAmount) {
        let failures = failures.add(1, ordering: .relaxed).oldValue
        pauseEnd.store((NIODeadline.now() + delay(failures)).uptimeNanoseconds, ordering: .relaxed)
    }

    /// Whether there is a connection.
    var isOpen: Bool { dialect != nil }

    /// Which protocol its connection speaks; nil if there is none.
    var dialect: Dialect? {
        state.withLockedValue { if case .open(_, let dialect) = $0.phase { dialect } else { nil } }
    }

    // MARK: Any thread

    /// Takes a call. Its completion is called in any case, and never while a lock is held.
    func submit(_ slot: CallSlot) {
        enum Step { case wait, wake, refuse(CacheError) }
        let step = state.withLockedValue { state -> Step in
            if case .closed = state.phase { return .refuse(CacheError(.shutDown)) }
            guard state.queue.append(slot, at: .now()) else { return .refuse(CacheError(.overloaded)) }
            callCount.store(state.queue.count, ordering: .relaxed)
            guard !state.isTurnDue else { return .wait }
            state.isTurnDue = true
            return .wake
        }
        switch step {
        case .wait: break
        case .wake: eventLoop.execute { self.turn() }
        case .refuse(let error): slot.completion?(.failure(error.at(server.name)))
        }
    }

    /// Gives up a call; its reply, if one comes, is dropped. It ends on the event loop, together with all that are given
    /// up until then: to look for each in a long queue would hold up the others.
    func cancel(_ identity: UInt64) {
        let isFirst = state.withLockedValue { state -> Bool in
            if case .closed = state.phase { return false }
            state.cancelled.insert(identity)
            return state.cancelled.count == 1
        }
        if isFirst { eventLoop.execute { self.takeOutCancelled() } }
    }

    private func takeOutCancelled() {
        tellCancelled(state.withLockedValue { takeOutCancelled(&$0) })
    }

    private func takeOutCancelled(_ state: inout State) -> [Completion] {
        if state.cancelled.isEmpty { return [] }
        defer { callCount.store(state.queue.count, ordering: .relaxed) }
        let identities = state.cancelled
        state.cancelled = []
        return state.queue.cancel(identities)
    }

    private func tellCancelled(_ completions: [Completion]) {
        for completion in completions { completion(.failure(CacheError(.cancelled, server: server.name))) }
    }

    /// Whether anything has come over its connection since then.
    func hasHeard(since time: NIODeadline) -> Bool { state.withLockedValue { $0.queue.heardAt > time } }

    /// Ends the connection and all of its calls; later ones are refused.
    func shutDown() {
        let (channel, lost) = state.withLockedValue { state -> ((any Channel)?, [Completion]) in
            var channel: (any Channel)?
            if case .open(let open, _) = state.phase { channel = open }
            state.phase = .closed
            state.timer?.cancel()
            state.timer = nil
            state.retrial?.cancel()
            state.retrial = nil
            return (channel, state.queue.loseAll())
        }
        fail(lost, CacheError(.shutDown))
        channel?.close(promise: nil)
    }

    private func fail(_ completions: [Completion], _ error: CacheError) {
        let error = error.at(server.name)
        for completion in completions { completion(.failure(error)) }
    }

    // MARK: The event loop

    /// Sends what waits and has not been given up, or sees to a connection first.
    private func turn() {
        enum Step { case none, connect, write(any Channel, OutgoingPieces, [(Completion, CallOutcome)], more: Bool) }
        var given: (any Channel)?
        var cancelled: [Completion] = []
        let step = state.withLockedValue { state -> Step in
            state.isTurnDue = false
            cancelled = takeOutCancelled(&state)
            if let asksMeta = state.renewal, case .open(let channel, _) = state.phase, !state.queue.hasSent {
                given = channel
                state.becomeIdle(asksMeta: asksMeta)
            }
            guard !state.queue.isEmpty else { return .none }
            setAlarm(&state)
            switch state.phase {
            case .connecting, .closed: return .none
            case .open where state.renewal != nil: return .none
            case .idle:
                state.phase = .connecting
                return .connect
            case .open(let channel, let dialect):
                // What has not left yet must not become more and more. With nothing on its way nobody would wake us.
                guard channel.isWritable || !state.queue.hasSent else { return .none }
                var pieces = OutgoingPieces(channel.allocator)
                let refused = state.queue.send(dialect, into: &pieces)
                return .write(channel, pieces, refused, more: state.queue.canSend)
            }
        }
        tellCancelled(cancelled)
        given?.close(promise: nil)
        switch step {
        case .none: break
        case .connect: connect()
        case .write(let channel, let pieces, let refused, let more):
            for (completion, outcome) in refused { completion(outcome) }
            if !pieces.isEmpty {
                for piece in pieces.finished { channel.write(piece, promise: nil) }
                channel.writeAndFlush(pieces.current, promise: nil)
            }
            if more, channel.isWritable { wake() }
        }
    }

    /// The connection takes more: what waits is sent.
    func wake() {
        let isDue = state.withLockedValue { state in
            guard state.queue.canSend, !state.isTurnDue else { return false }
            state.isTurnDue = true
            return true
        }
        if isDue { eventLoop.execute { self.turn() } }
    }

    /// Matches what one read has brought, perhaps not one whole reply. Whatever it says, calls get their own answers or
    /// none.
    func receive(_ replies: [ReceivedReply], from channel: any Channel) {
        var answers: [(Completion, CallOutcome)] = []
        answers.reserveCapacity(replies.count)
        var violation: String?
        let hasRoom = state.withLockedValue { state -> Bool in
            guard case .open(let open, _) = state.phase, open === channel else { return false }
            state.queue.hear(at: .now(), isReply: !replies.isEmpty)
            // Looked at where they are.
            let replies = replies.span
            for index in replies.indices {
                switch state.queue.receive(replies[index]) {
                case .accepted(let answer):
                    state.isUseful = true
                    state.useless = 0
                    if let answer { answers.append(answer) }
                case .partial: break
                case .violation(let what): violation = what
                }
                if violation != nil { break }
            }
            state.queue.appendReleases(at: .now(), patience: configuration.operationTimeout.timeAmount)
            callCount.store(state.queue.count, ordering: .relaxed)
            return (state.queue.canSend || state.renewal != nil) && !state.isTurnDue
        }
        // Also where nobody waits any longer: a server that is slow is there.
        if !replies.isEmpty, violation == nil { watcher?.laneAnswered() }
        for (completion, outcome) in answers {
            if case .failure(let error) = outcome {
                completion(.failure(error.at(server.name)))
            } else {
                completion(outcome)
            }
        }
        if let violation {
            lose(channel, CacheError(.protocolViolation, violation))
        } else if hasRoom {
            turn()
        }
    }

    /// The connection was greeted and is ready.
    func opened(_ channel: any Channel, _ dialect: Dialect) {
        let isWanted = state.withLockedValue { state -> Bool in
            guard case .connecting = state.phase else { return false }
            state.phase = .open(channel, dialect)
            state.hangUps = 0
            if !state.asksMeta, configuration.usesMetaProtocol {
                state.retrial = eventLoop.scheduleTask(in: configuration.probeDelayMax.timeAmount) {
                    self.speak(.meta)
                }
            }
            return true
        }
        guard isWanted else { return channel.close(promise: nil) }
        failures.store(0, ordering: .relaxed)
        pauseEnd.store(0, ordering: .relaxed)
        watcher?.laneOpened(self, dialect)
        turn()
    }

    /// Makes the connection anew if it speaks another protocol. Any thread.
    func speak(_ dialect: Dialect) {
        let isDue = state.withLockedValue { state -> Bool in
            guard case .open(_, let own) = state.phase, own != dialect else { return false }
            state.renewal = dialect == .meta
            defer { state.isTurnDue = true }
            return !state.isTurnDue
        }
        if isDue { eventLoop.execute { self.turn() } }
    }

    /// The server has hung up when it was asked for its version and the meta protocol.
    func declinedMeta() {
        enum Step { case none, connect, refuse }
        let speaksMeta = watcher?.speaksMeta ?? false
        let step = state.withLockedValue { state -> Step in
            guard case .connecting = state.phase else { return .none }
            state.hangUps += 1
            guard state.hangUps >= Self.hangUpsMax else { return .connect }
            guard !speaksMeta else { return .refuse }
            state.asksMeta = false
            return .connect
        }
        switch step {
        case .none: break
        case .connect: connect()
        case .refuse: refused(CacheError(.serverDown, "the server hung up in the greeting"))
        }
    }

    /// The connection could not be made: nothing was sent.
    func refused(_ error: CacheError) {
        let lost = state.withLockedValue { state -> [Completion]? in
            guard case .connecting = state.phase else { return nil }
            state.becomeIdle(asksMeta: configuration.usesMetaProtocol)
            callCount.store(0, ordering: .relaxed)
            return state.queue.loseAll()
        }
        guard let lost else { return }
        var error = error
        error.isUnsent = watcher?.laneFailed(self, error.at(server.name)) ?? false
        fail(lost, error)
    }

    /// The connection is gone, or to be given up. What was sent has no answer; what waits is for the next connection.
    func lose(_ channel: any Channel, _ error: CacheError) {
        enum Step { case none, connect, fail([Completion]) }
        let (lost, step) = state.withLockedValue { state -> ([Completion], Step) in
            guard case .open(let open, _) = state.phase, open === channel else { return ([], .none) }
            if !state.isUseful, state.queue.hasSent { state.useless += 1 }
            let isEnough = state.useless >= Self.uselessMax
            if isEnough { state.useless = 0 }
            state.becomeIdle(asksMeta: configuration.usesMetaProtocol)
            let lost = state.queue.loseSent()
            let waiting = isEnough ? state.queue.loseAll() : []
            callCount.store(state.queue.count, ordering: .relaxed)
            return (lost, isEnough ? .fail(waiting) : state.queue.isEmpty ? .none : .connect)
        }
        channel.close(promise: nil)
        var unsent = CacheError(.serverDown, "connections break before they answer", underlying: error)
        if case .fail = step { unsent.isUnsent = watcher?.laneFailed(self, unsent.at(server.name)) ?? false }
        fail(lost, error)
        switch step {
        case .none: break
        case .connect: turn()
        case .fail(let waiting): fail(waiting, unsent)
        }
    }

    private func connect() {
        let asksMeta = state.withLockedValue { $0.asksMeta }
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(configuration.connectTimeout.timeAmount)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.configuration.prepareChannel?(channel, self.server)
                    try channel.pipeline.syncOperations.addHandler(LaneChannel(self, asksMeta: asksMeta))
                }
            }
        bootstrap.connect(to: server.address).whenFailure { error in
            self.refused(CacheError(.serverDown, "no connection", underlying: error))
        }
    }

    // MARK: Time

    /// Sees to it that the timer goes off when the first call's time is over.
    private func setAlarm(_ state: inout State) {
        guard let first = state.queue.firstDeadline else { return }
        if let alarm = state.alarm, alarm <= first { return }
        state.timer?.cancel()
        state.alarm = first
        state.timer = eventLoop.scheduleTask(deadline: first) { self.ring() }
    }

    private func ring() {
        let (expiry, channel) = state.withLockedValue { state -> (CallQueue.Expiry, (any Channel)?) in
            state.alarm = nil
            state.timer = nil
            let expiry = state.queue.expire(at: .now(), patience: configuration.operationTimeout.timeAmount)
            callCount.store(state.queue.count, ordering: .relaxed)
            if let next = expiry.next {
                state.alarm = next
                state.timer = eventLoop.scheduleTask(deadline: next) { self.ring() }
            }
            guard case .open(let channel, _) = state.phase else { return (expiry, nil) }
            return (expiry, channel)
        }
        if expiry.isSilent, !expiry.expired.isEmpty { watcher?.laneTimedOut(expiry.expired.count) }
        fail(expiry.expired, CacheError(.timeout))
        if expiry.isStuck, let channel {
            lose(channel, CacheError(.connectionLost, "the server has not answered for too long"))
        }
    }
}

/// Who wants to know how a server's connections fare. Called on event loops, without any lock held.
protocol LaneWatcher: AnyObject, Sendable {
    /// A reply has come, in time or not.
    func laneAnswered()
    /// So many calls were late, and nothing was heard meanwhile.
    func laneTimedOut(_ count: Int)
    /// No connection could be made. Says whether the server stays in use: then calls may go over others.
    func laneFailed(_ lane: Lane, _ error: CacheError) -> Bool
    /// There is a connection, and this is what is spoken over it.
    func laneOpened(_ lane: Lane, _ dialect: Dialect)
    /// A connection of the server's speaks the meta protocol.
    var speaksMeta: Bool { get }
}
