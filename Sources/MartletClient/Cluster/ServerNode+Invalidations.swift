import NIOConcurrencyHelpers
import NIOCore
import Synchronization

/// The log at work: what failed is removed later.
///
/// Rules:
/// 1. A key that is noted while the server is up is removed shortly; while it is down, before it is used again.
/// 2. Keys that are noted while others are being removed have another round before the server is used. Who changes
///    keys all the time would keep it out of use for ever: behind `replayRoundsMax` the rest is removed right after.
/// 3. What could not be removed stays in the log, and there is always a timer, or a probe, that comes back to it.
/// 4. Removals are made piece by piece, so that there is room for calls beside them. One that finds none says nothing
///    of the server.
extension ServerNode {
    /// Rounds before a server that is back is used again.
    private static let replayRoundsMax = 8
    /// The longest wait, while the server is up, before what could not be removed is tried again: so many times the
    /// first one, as a power of two.
    private static let replayFailuresMax = 3
    /// Rule 4: of the calls that may wait for one connection a quarter at most.
    private var replayPieceMax: Int { max(min(256, configuration.waitingCallsMax / 4), 1) }

    /// What removals are made for.
    enum Replay {
        case whileUp
        /// With the rounds before this one.
        case toComeUp(round: Int)
    }

    /// Remembers that what is under `key` may be out of date. Removed before the server is used again, or, if it is up,
    /// shortly. Any thread.
    ///
    /// - Parameter token: The version that is to go; nil for whatever is there.
    func note(_ key: CacheKey, token: UInt64? = nil) {
        let isDown = invalidations.withLockedValue { log in
            log.append(InvalidationLog.Removal(key: key, token: token))
            // With the lock: who uses the server again either sees the key, or is seen to do so.
            return self.isDown
        }
        if !isDown { scheduleReplay() }
    }

    private func scheduleReplay() {
        guard !isReplayDue.exchange(true, ordering: .relaxed) else { return }
        let failures = min(replayFailures.load(ordering: .relaxed), Self.replayFailuresMax)
        let timer = eventLoop.scheduleTask(in: delay(behind: failures)) {
            self.isReplayDue.store(false, ordering: .relaxed)
            // Down by now: then the probe will see to it.
            if !self.isDown { self.replay(.whileUp) }
        }
        keep(timer, as: \.replay)
    }

    /// Removes now, while there is time, what was to be removed later.
    func settle() {
        if !isDown, !invalidations.withLockedValue({ $0.isEmpty }) { replay(.whileUp) }
    }

    /// Removes what may be out of date. Whatever is not removed stays in the log.
    func replay(_ replay: Replay) {
        let isFirst = if case .toComeUp(let round) = replay { round == 0 } else { true }
        let hasOverflowed = invalidations.withLockedValue { $0.beginRound(andPostponed: isFirst) }
        if hasOverflowed { events.send(.invalidationsLost(server: server.name)) }
        replayCount.add(1, ordering: .relaxed)
        removeNext(replay, .done)
    }

    /// Rule 4: the next piece of the round, behind pieces of which the worst removal has ended so.
    private func removeNext(_ replay: Replay, _ worst: ReplayProgress.Fate) {
        let piece = invalidations.withLockedValue { log in
            if worst >= .crowdedOut { log.endRound() }
            return log.take(replayPieceMax)
        }
        guard !piece.isEmpty else {
            replayed(replay, worst)
            replayCount.subtract(1, ordering: .relaxed)
            return
        }
        let progress = ReplayProgress(count: piece.count, worst: worst)
        for removal in piece {
            var request = CacheRequest(.delete, removal.key)
            request.expectedToken = removal.token
            ask(request) { outcome in
                let fate = self.conclude(removal, outcome)
                if let worst = progress.end(one: fate) { self.removeNext(replay, worst) }
            }
        }
    }

    /// What has become of a removal; the log has it again if it was not made.
    private func conclude(_ removal: InvalidationLog.Removal, _ outcome: CallOutcome) -> ReplayProgress.Fate {
        guard case .failure(let error) = outcome else { return .done }
        switch error.code {
        case .refused where !error.isServerFailure: return .done
        case .refused, .outOfMemory, .tooLarge:
            invalidations.withLockedValue { $0.postpone(removal) }
            return .postponed
        case .unsupported:
            // Classic servers cannot remove one version only: it costs a miss. The next round does that.
            invalidations.withLockedValue { $0.append(InvalidationLog.Removal(key: removal.key)) }
            return .done
        case .overloaded:
            invalidations.withLockedValue { $0.append(removal) }
            return .crowdedOut
        default:
            invalidations.withLockedValue { $0.append(removal) }
            return .failed
        }
    }

    /// All removals have ended, the worst of them like this.
    private func replayed(_ replay: Replay, _ worst: ReplayProgress.Fate) {
        switch replay {
        case .whileUp:
            if worst == .done {
                replayFailures.store(0, ordering: .relaxed)
            } else {
                replayFailures.add(1, ordering: .relaxed)
            }
        case .toComeUp where worst == .failed: return probeFailed()
        case .toComeUp where worst == .crowdedOut: return probeFailed(counts: false)
        case .toComeUp(let round):
            guard comeUp(mayWait: round + 1 < Self.replayRoundsMax) else {
                return self.replay(.toComeUp(round: round + 1))
            }
            // Rule 2.
            if invalidations.withLockedValue({ $0.isDue }) { return self.replay(.whileUp) }
        }
        // Rule 3. Down by now: then the probe will see to it.
        if !isDown, !invalidations.withLockedValue({ $0.isEmpty }) { scheduleReplay() }
    }
}

/// Counts removals that have ended, and how.
private final class ReplayProgress: Sendable {
    enum Fate: Int, Comparable {
        case done, postponed, crowdedOut, failed

        static func < (one: Fate, other: Fate) -> Bool { one.rawValue < other.rawValue }
    }

    private let state: NIOLockedValueBox<(left: Int, worst: Fate)>

    init(count: Int, worst: Fate) { state = NIOLockedValueBox((count, worst)) }

    /// The worst of all, once the last one has ended; nil before that.
    func end(one fate: Fate) -> Fate? {
        state.withLockedValue { state in
            state.left -= 1
            state.worst = max(state.worst, fate)
            return state.left == 0 ? state.worst : nil
        }
    }
}
