import NIOConcurrencyHelpers

/// Gathers the answers to calls that belong together, on whatever connections they are, and lets their caller go on
/// when the last one is there. Any thread may complete a part.
final class BatchCollector: Sendable {
    /// The answers of each part, in the order of its requests.
    typealias Parts = [[CallOutcome]]

    private struct State {
        var parts: Parts
        var missing: Int
        var continuation: CheckedContinuation<Parts, Never>?
    }

    private let state: NIOLockedValueBox<State>

    /// For `count` parts, one at least.
    init(count: Int, continuation: CheckedContinuation<Parts, Never>) {
        state = NIOLockedValueBox(
            State(parts: Array(repeating: [], count: count), missing: count, continuation: continuation))
    }

    /// Called once for each part.
    func complete(_ part: Int, _ outcomes: [CallOutcome]) {
        let finished = state.withLockedValue { state -> (CheckedContinuation<Parts, Never>, Parts)? in
            state.parts[part] = outcomes
            state.missing -= 1
            guard state.missing == 0, let continuation = state.continuation.take() else { return nil }
            return (continuation, state.parts)
        }
        if let (continuation, parts) = finished { continuation.resume(returning: parts) }
    }
}
