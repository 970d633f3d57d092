import NIOConcurrencyHelpers

/// Asks several at once and goes on when enough of them have answered well, while the others finish behind.
enum Latch {
    private struct State<Value: Sendable>: Sendable {
        var outcomes: [Result<Value, CacheError>?]
        var good = 0
        var ended = 0
        var continuation: CheckedContinuation<[Result<Value, CacheError>?], Never>?
    }

    /// The outcomes so far, nil for those that are not there yet, once `needed` are good or all are there.
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
        return await withCheckedContinuation { continuation in
            state.withLockedValue { $0.continuation = continuation }
            for place in 0..<count {
                tasks[place].begin {
                    let outcome = await ask(place)
                    let finished = state.withLockedValue { state in
                        state.outcomes[place] = outcome
                        state.ended += 1
                        if case .success(let value) = outcome, isGood(value) { state.good += 1 }
                        guard state.good >= needed || state.ended == count else {
                            return nil
                                as (
                                    CheckedContinuation<[Result<Value, CacheError>?], Never>,
                                    [Result<Value, CacheError>?]
                                )?
                        }
                        return state.continuation.take().map { ($0, state.outcomes) }
                    }
                    if let (continuation, outcomes) = finished { continuation.resume(returning: outcomes) }
                }
            }
        }
    }
}
