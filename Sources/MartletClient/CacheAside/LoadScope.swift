import NIOConcurrencyHelpers

/// One load, from its beginning to its end, as what is called within it sees it.
///
/// A load has its turn while it runs, and may itself load through the cache. Were it to wait for a second turn
/// meanwhile, loads that have all turns between them could wait for each other for ever. Rules:
/// 1. What loads within a running load does so in that one's turn.
/// 2. A load that a running one waits for, though somebody else has begun it, needs no turn either.
/// 3. A task that outlives the load it was begun in waits for its turns like any other.
package final class LoadScope: Sendable {
    private enum Phase { case waiting, running, over }

    private struct State {
        var phase = Phase.waiting
        /// Rule 2.
        var isUrgent = false
        var whenUrgent: (@Sendable () -> Void)?
    }

    /// That of the load within which this is.
    @TaskLocal static var current: LoadScope?

    private let state = NIOLockedValueBox(State())

    var isWaiting: Bool { state.withLockedValue { $0.phase == .waiting } }
    var isRunning: Bool { state.withLockedValue { $0.phase == .running } }
    var isUrgent: Bool { state.withLockedValue { $0.isUrgent } }

    func begin() {
        state.withLockedValue { state in
            state.phase = .running
            state.whenUrgent = nil
        }
    }

    func end() { state.withLockedValue { $0.phase = .over } }

    /// Rule 2.
    func hasten() {
        let wake = state.withLockedValue { state in
            state.isUrgent = true
            return state.whenUrgent.take()
        }
        wake?()
    }

    /// `wake` is called once, when it comes to be urgent, or at once if it is; not behind its beginning.
    func whenUrgent(_ wake: @escaping @Sendable () -> Void) {
        let isUrgent = state.withLockedValue { state in
            if !state.isUrgent { state.whenUrgent = wake }
            return state.isUrgent
        }
        if isUrgent { wake() }
    }
}
