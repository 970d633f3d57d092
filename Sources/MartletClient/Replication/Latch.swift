import NIOConcurrencyHelpers

/// Asks several at once and goes on when enough of them have answered well, while the others finish behind.
enum Latch {
    private struct State<Value: Sendable>: Sendable {
        var outcomes: [Result<Value, CacheError>?]
        var good = 0
        var ended = 0
        var isCancelled = false
        var continuation: CheckedContinuation<[Result<Value, CacheError>?], Never>?

        /// Whoever waits, with what there is; nil if it has gone on already.
        mutating func release() -> (() -> Void)? {
            guard let continuation = continuation.take() else { return nil }
            return { [outcomes] in continuation.resume(returning: outcomes) }
        }
    }

    /// The outcomes so far, nil for those that are not there yet, once `needed` are good or all are there, or the
    /// caller was cancelled.
    ///
    /// - Parameters:
    ///   - tasks: Of those who are asked, each its own.
    ///   - isGood: What more a success must be to count.
    ///   - ask: Ends by itself, by a deadline, whatever becomes of the caller.
    static func ask<Value: Sendable>(
        _ tasks: [BackgroundTasks], until needed: Int, isGood: @escaping @Sendable (Value) -> Bool = { _ in true },
        _ ask: @escaping @Sendable (Int) async -> Result<Value, CacheError>
    ) async -> [Result<Value, CacheError>?] {
        let count = tasks.count
        let state = NIOLockedValueBox(State<Value>(outcomes: Array(repeating: nil, count: count)))
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let release = state.withLockedValue { state in
                    state.continuation = continuation
                    return state.isCancelled ? state.release() : nil
                }
                release?()
                for place in 0..<count {
                    tasks[place].begin {
                        let outcome = await ask(place)
                        let release = state.withLockedValue { state -> (() -> Void)? in
                            state.outcomes[place] = outcome
                            state.ended += 1
                            if case .success(let value) = outcome, isGood(value) { state.good += 1 }
                            return state.good >= needed || state.ended == count ? state.release() : nil
                        }
                        release?()
                    }
                }
            }
        } onCancel: {
            let release = state.withLockedValue { state in
                state.isCancelled = true
                return state.release()
            }
            release?()
        }
    }
}
