import NIOConcurrencyHelpers

/// The load was cancelled because nobody waited for it any longer.
package struct AbandonedLoad: Error {}

/// A load of any type.
package protocol AnySharedLoad: AnyObject, Sendable {
    var waiterCount: Int { get }
}

/// One load that several callers wait for.
///
/// Rules:
/// 1. The load runs in a task of its own: a caller who is cancelled leaves, and the others go on waiting.
/// 2. With the last caller gone, and nobody else in need of it, the task is cancelled. Who is on the way counts.
/// 3. Who comes after the end gets the result at once.
/// 4. Who comes after the cancellation has to begin anew: `AbandonedLoad`.
package final class SharedLoad<Value: Sendable>: AnySharedLoad {
    private struct State {
        var result: Result<Value, any Error>?
        var waiters: [UInt64: CheckedContinuation<Result<Value, any Error>, Never>] = [:]
        var nextWaiter: UInt64 = 0
        /// Callers that have not come to wait yet.
        var expectedCount = 0
        var task: Task<Void, Never>?
        var isAbandoned = false
        var ended: (@Sendable () -> Void)?
    }

    private let state = NIOLockedValueBox(State())
    /// It goes on without anybody waiting: where there is a value meanwhile.
    let outlivesWaiters: Bool
    private let scope = LoadScope()

    package var waiterCount: Int { state.withLockedValue { $0.waiters.count + $0.expectedCount } }

    package init(outlivesWaiters: Bool) { self.outlivesWaiters = outlivesWaiters }

    /// `ended` is called once: behind the last step, before the callers hear of it, or when the last of them has gone.
    /// To be said before anybody else knows of the load.
    package func whenOver(_ ended: @escaping @Sendable () -> Void) {
        state.withLockedValue { $0.ended = ended }
    }

    /// Begins; not if the load was abandoned before that.
    package func start(in tasks: BackgroundTasks, _ work: @escaping @Sendable () async throws -> Value) {
        guard state.withLockedValue({ !$0.isAbandoned }) else { return }
        let task = tasks.begin(isAwaited: { self.waiterCount > 0 }) { [self] in
            finish(await LoadScope.$current.withValue(scope) { await Result.of(work) })
        }
        let isAbandoned = state.withLockedValue { state in
            // It may be over already.
            if state.result == nil { state.task = task }
            return state.isAbandoned
        }
        if isAbandoned { task.cancel() }
    }

    private func finish(_ result: Result<Value, any Error>) {
        state.withLockedValue { $0.ended.take() }?()
        let waiters = state.withLockedValue { state in
            state.result = result
            state.task = nil
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume(returning: result) }
    }

    /// Somebody will ask for the value, and is waited for until then.
    package func expectWaiter() { state.withLockedValue { $0.expectedCount += 1 } }

    /// The result, for one of the callers; `isExpected` if that is one of `expectWaiter`.
    ///
    /// - Throws: What the load throws; `CacheError` of code `cancelled` if the caller is cancelled, and `refused` if it
    ///   is the load itself that asks.
    package func value(isExpected: Bool = false) async throws -> Value {
        if let current = LoadScope.current, current.isRunning {
            guard current !== scope else {
                if isExpected { state.withLockedValue { $0.expectedCount -= 1 } }
                throw CacheError(.refused, "a load waits for its own result")
            }
            scope.hasten()
        }
        let identity = state.withLockedValue { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let known = state.withLockedValue { state -> Result<Value, any Error>? in
                    if isExpected { state.expectedCount -= 1 }
                    if state.isAbandoned { return .failure(AbandonedLoad()) }
                    if let result = state.result { return result }
                    state.waiters[identity] = continuation
                    return nil
                }
                if let known {
                    continuation.resume(returning: known)
                } else if Task.isCancelled {
                    leave(identity)
                }
            }
        } onCancel: {
            leave(identity)
        }
        return try result.get()
    }

    /// Rules 1 and 2.
    private func leave(_ identity: UInt64) {
        let (waiter, task, ended) = state.withLockedValue {
            state -> (
                CheckedContinuation<Result<Value, any Error>, Never>?, Task<Void, Never>?, (@Sendable () -> Void)?
            )
            in
            guard let waiter = state.waiters.removeValue(forKey: identity) else { return (nil, nil, nil) }
            guard state.waiters.isEmpty, state.expectedCount == 0, !outlivesWaiters, state.result == nil else {
                return (waiter, nil, nil)
            }
            state.isAbandoned = true
            return (waiter, state.task, state.ended.take())
        }
        ended?()
        waiter?.resume(returning: .failure(CacheError(.cancelled)))
        task?.cancel()
    }
}

extension Result where Failure == any Error, Success: Sendable {
    fileprivate static func of(_ work: @Sendable () async throws -> Success) async -> Result {
        do {
            return .success(try await work())
        } catch {
            return .failure(error)
        }
    }
}
