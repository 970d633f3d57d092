import NIOConcurrencyHelpers
import Synchronization

/// The loads under way in this process, by key, and how many may run at once.
///
/// Rules:
/// 1. Whoever wants a key that is being loaded waits for that load.
/// 2. A change of the key forgets the load: who asks after a change must not get what was read before it.
/// 3. A cancelled load is forgotten at once, so that nobody new waits for it.
final class LoadTable: Sendable {
    private struct State {
        var loads: [CacheKey: any AnySharedLoad] = [:]
        var running = 0
        var queue: [(identity: UInt64, turn: CheckedContinuation<Bool, Never>)] = []
        var nextIdentity: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())
    private let loadCount = Atomic<Int>(0)
    private let loadsMax: Int

    init(loadsMax: Int) { self.loadsMax = max(loadsMax, 1) }

    /// The load of `key` that is under way, if it is one of such a value, and one that callers wait for: during a refresh
    /// they have the value that is there.
    func load<Value: Sendable>(of key: CacheKey, as type: Value.Type) -> SharedLoad<Value>? {
        guard loadCount.load(ordering: .relaxed) > 0 else { return nil }
        guard let load = state.withLockedValue({ $0.loads[key] as? SharedLoad<Value> }) else { return nil }
        return load.outlivesWaiters ? nil : load
    }

    /// How many callers wait for the load of `key`.
    func waiterCount(_ key: CacheKey) -> Int { state.withLockedValue { $0.loads[key] }?.waiterCount ?? 0 }

    /// Joins the load of `key` under way, or begins one. With `replaces` it begins one in any case, for others to join.
    func join<Value: Sendable>(
        _ key: CacheKey, as type: Value.Type, replaces: Bool, outlivesWaiters: Bool = false,
        _ work: @escaping @Sendable () async throws -> Value
    ) -> SharedLoad<Value> {
        let (load, isNew) = state.withLockedValue { state -> (SharedLoad<Value>, Bool) in
            if !replaces, let load = state.loads[key] as? SharedLoad<Value> { return (load, false) }
            let load = SharedLoad<Value>(outlivesWaiters: outlivesWaiters)
            // From here on others may join it and leave it.
            load.whenOver { [weak load] in if let load { self.forget(key, load) } }
            state.loads[key] = load
            loadCount.store(state.loads.count, ordering: .relaxed)
            return (load, true)
        }
        if isNew { load.start(work) }
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

    /// Forgets a load that has ended, unless another has taken its place.
    private func forget(_ key: CacheKey, _ load: AnyObject) {
        state.withLockedValue { state in
            guard state.loads[key] === load else { return }
            state.loads[key] = nil
            loadCount.store(state.loads.count, ordering: .relaxed)
        }
    }

    // MARK: Turns

    /// Runs `load` when its turn has come: at most `loadsMax` at once, in the order of asking.
    func inTurn<Value: Sendable>(_ load: @Sendable () async throws -> Value) async throws -> Value {
        guard await takeTurn() else { throw CacheError(.cancelled) }
        defer { passTurn() }
        return try await load()
    }

    /// False if the task was cancelled before its turn.
    private func takeTurn() async -> Bool {
        let identity = state.withLockedValue { state -> UInt64? in
            guard state.running >= loadsMax else {
                state.running += 1
                return nil
            }
            state.nextIdentity += 1
            return state.nextIdentity
        }
        guard let identity else { return true }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isFree = state.withLockedValue { state -> Bool in
                    if state.running < loadsMax {
                        state.running += 1
                        return true
                    }
                    state.queue.append((identity, continuation))
                    return false
                }
                if isFree {
                    continuation.resume(returning: true)
                } else if Task.isCancelled {
                    leaveQueue(identity)
                }
            }
        } onCancel: {
            leaveQueue(identity)
        }
    }

    private func leaveQueue(_ identity: UInt64) {
        let turn = state.withLockedValue { state -> CheckedContinuation<Bool, Never>? in
            guard let place = state.queue.firstIndex(where: { $0.identity == identity }) else { return nil }
            return state.queue.remove(at: place).turn
        }
        turn?.resume(returning: false)
    }

    private func passTurn() {
        let next = state.withLockedValue { state -> CheckedContinuation<Bool, Never>? in
            guard !state.queue.isEmpty else {
                state.running -= 1
                return nil
            }
            return state.queue.removeFirst().turn
        }
        next?.resume(returning: true)
    }
}
