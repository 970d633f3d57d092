import NIOConcurrencyHelpers

/// Tasks that go on when their callers have what they wanted: refreshes, repairs, the rest of a replicated store. They
/// end before the client does.
package final class BackgroundTasks: Sendable {
    private struct Member: Sendable {
        var task: Task<Void, Never>?
        /// Whether somebody waits for it after all, who is to decide when it ends.
        let isAwaited: @Sendable () -> Bool
    }

    private struct State {
        var members: [UInt64: Member] = [:]
        var nextIdentity: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    /// Tasks that nobody waits for.
    package var count: Int { unattended.count }

    private var unattended: [Member] {
        // Not with the lock held: they may look into what has locks of its own.
        state.withLockedValue { Array($0.members.values) }.filter { !$0.isAwaited() }
    }

    /// Begins `work` in a task of its own.
    @discardableResult
    package func begin(
        isAwaited: @escaping @Sendable () -> Bool = { false }, _ work: @escaping @Sendable () async -> Void
    ) -> Task<Void, Never> {
        let identity = state.withLockedValue { state in
            state.nextIdentity += 1
            state.members[state.nextIdentity] = Member(isAwaited: isAwaited)
            return state.nextIdentity
        }
        let task = Task {
            await work()
            state.withLockedValue { state in _ = state.members.removeValue(forKey: identity) }
        }
        // It may be over already.
        state.withLockedValue { $0.members[identity]?.task = task }
        return task
    }

    /// Cancels those that nobody waits for.
    package func cancel() {
        for member in unattended { member.task?.cancel() }
    }
}
