import NIOConcurrencyHelpers

/// Gathers the answers to calls that belong together, on whatever connections they are, and lets their caller go on when
/// the last one is there. Any thread may complete a part.
final class BatchCollector: Sendable {
    private struct State {
        var outcomes: [CallOutcome?]
        var missing: Int
        var continuation: CheckedContinuation<[CallOutcome], Never>?
    }

    private let state: NIOLockedValueBox<State>

    /// For `count` parts, one at least.
    init(count: Int, continuation: CheckedContinuation<[CallOutcome], Never>) {
        state = NIOLockedValueBox(
            State(outcomes: Array(repeating: nil, count: count), missing: count, continuation: continuation))
    }

    func complete(_ place: Int, _ outcome: CallOutcome) {
        let finished = state.withLockedValue { state -> (CheckedContinuation<[CallOutcome], Never>, [CallOutcome])? in
            guard state.outcomes[place] == nil else { return nil }
            state.outcomes[place] = outcome
            state.missing -= 1
            guard state.missing == 0, let continuation = state.continuation.take() else { return nil }
            return (continuation, state.outcomes.compactMap { $0 })
        }
        if let (continuation, outcomes) = finished { continuation.resume(returning: outcomes) }
    }
}
