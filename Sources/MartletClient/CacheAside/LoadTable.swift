import NIOConcurrencyHelpers
import Synchronization

/// The loads under way in this process, by key, and how many may run at once.
///
/// Rules:
/// 1. Whoever wants a key that is being loaded waits for that load.
/// 2. A change of the key forgets the load: who asks after a change must not get what was read before it.
/// 3. A cancelled load is forgotten at once, so that nobody new waits for it.
/// 4. Loads beyond `loadsMax` wait for their turn, in the order of asking; beyond `waitingMax` of these they are
///    refused.
/// 5. What a running load waits for needs no turn: `LoadScope`.
final class LoadTable: Sendable {
    private struct State {
        var loads: [CacheKey: any AnySharedLoad] = [:]
        var running = 0
        /// Who waits for a turn, by numbers that are given in order; who has left has none here.
        var turns: [UInt64: CheckedContinuation<Turn, Never>] = [:]
        var lastNumber: UInt64 = 0
        /// Up to this number all have had their turn, or left.
        var passedNumber: UInt64 = 0
    }

    private enum Turn {
        case taken, cancelled, refused
        /// Rule 5.
        case needless
    }

    private let state = NIOLockedValueBox(State())
    private let loadCount = Atomic<Int>(0)
    private let loadsMax: Int
    private let waitingMax: Int
    private let tasks: BackgroundTasks

    init(loadsMax: Int, waitingMax: Int, tasks: BackgroundTasks) {
        self.loadsMax = max(loadsMax, 1)
        self.waitingMax = max(waitingMax, 0)
        self.tasks = tasks
    }

    /// The load of `key` that is under way, if it is one of such a value, and one that callers wait for: where there is
    /// a value that may be served meanwhile, they have that.
    func load<Value: Sendable>(of key: CacheKey, as type: Value.Type) -> SharedLoad<Value>? {
        guard loadCount.load(ordering: .relaxed) > 0 else { return nil }
        guard let load = state.withLockedValue({ $0.loads[key] as? SharedLoad<Value> }) else { return nil }
        return load.outlivesWaiters ? nil : load
    }

    /// How many callers wait for the load of `key`.
    func waiterCount(_ key: CacheKey) -> Int { state.withLockedValue { $0.loads[key] }?.waiterCount ?? 0 }

    /// Joins the load of `key` under way, or begins one. With `replaces` it begins one in any case, for others to join.
    /// With `isAwaited` the caller is one of those whom it expects to wait for it.
    func join<Value: Sendable>(
        _ key: CacheKey, as type: Value.Type, replaces: Bool, outlivesWaiters: Bool, isAwaited: Bool,
        _ work: @escaping @Sendable () async throws -> Value
    ) -> SharedLoad<Value> {
        let (load, isNew) = state.withLockedValue { state -> (SharedLoad<Value>, Bool) in
            if !replaces, let load = state.loads[key] as? SharedLoad<Value> {
                if isAwaited { load.expectWaiter() }
                return (load, false)
            }
            let load = SharedLoad<Value>(outlivesWaiters: outlivesWaiters)
            if isAwaited { load.expectWaiter() }
            // From here on others may join it and leave it.
            load.whenOver { [weak load] in if let load { self.forget(key, load) } }
            state.loads[key] = load
            loadCount.store(state.loads.count, ordering: .relaxed)
            return (load, true)
        }
        if isNew { load.start(in: tasks, work) }
        return load
    }

    /// Rule 2.
    func forget(_ key: CacheKey) {
        guard loadCount.load(ordering: .relaxed) > 0 else { return }
        state.withLockedValue { state in
            state.loads[key] = nil
            loadCount.store(state.loads.count, ordering: .relaxed)
        }
    }

    func forgetAll() {
        state.withLockedValue { state in
            state.loads = [:]
            loadCount.store(0, ordering: .relaxed)
        }
    }

    /// Forgets a load that has ended, unless another has taken its place.
    private func forget(_ key: CacheKey, _ load: AnyObject) {
        state.withLockedValue { state in
            guard state.loads[key] === load else { return }
            state.loads[key] = nil
            loadCount.store(state.loads.count, ordering: .relaxed)
        }
    }

    // MARK: Turns

    /// Loads that wait for their turn.
    var waitingCount: Int { state.withLockedValue { $0.turns.count } }

    /// Runs `load` when its turn has come; rules 4 and 5.
    func inTurn<Value: Sendable>(_ load: @Sendable () async throws -> Value) async throws -> Value {
        let current = LoadScope.current
        if let current, current.isRunning { return try await load() }
        // That of the shared load this is, or, behind the end of one, another.
        let scope = current.flatMap { $0.isWaiting ? $0 : nil } ?? LoadScope()
        let turn = await takeTurn(scope)
        switch turn {
        case .taken, .needless: break
        case .cancelled: throw CacheError(.cancelled)
        case .refused: throw CacheError(.overloaded, "\(waitingMax) loads wait for their turn already")
        }
        scope.begin()
        defer {
            scope.end()
            if case .taken = turn { passTurn() }
        }
        return try await LoadScope.$current.withValue(scope) { try await load() }
    }

    private func takeTurn(_ scope: LoadScope) async -> Turn {
        if scope.isUrgent { return .needless }
        let number = state.withLockedValue { state -> UInt64? in
            guard state.running >= loadsMax else {
                state.running += 1
                return nil
            }
            state.lastNumber += 1
            return state.lastNumber
        }
        guard let number else { return .taken }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let turn = state.withLockedValue { state -> Turn? in
                    if state.running < loadsMax {
                        state.running += 1
                        return .taken
                    }
                    guard state.turns.count < waitingMax else { return .refused }
                    state.turns[number] = continuation
                    // Later ones may have had their turn while this one was on its way here.
                    state.passedNumber = min(state.passedNumber, number - 1)
                    return nil
                }
                if let turn {
                    continuation.resume(returning: turn)
                } else if Task.isCancelled {
                    leave(number, .cancelled)
                } else {
                    scope.whenUrgent { [self] in leave(number, .needless) }
                }
            }
        } onCancel: {
            leave(number, .cancelled)
        }
    }

    /// Waits no longer; who has had a turn meanwhile has it.
    private func leave(_ number: UInt64, _ turn: Turn) {
        state.withLockedValue { $0.turns.removeValue(forKey: number) }?.resume(returning: turn)
    }

    private func passTurn() {
        let next = state.withLockedValue { state -> CheckedContinuation<Turn, Never>? in
            guard !state.turns.isEmpty else {
                state.passedNumber = state.lastNumber
                state.running -= 1
                return nil
            }
            while true {
                state.passedNumber += 1
                if let turn = state.turns.removeValue(forKey: state.passedNumber) { return turn }
            }
        }
        next?.resume(returning: .taken)
    }
}
