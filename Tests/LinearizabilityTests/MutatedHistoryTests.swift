import LoadHistory
import ServerTesting
import StoreTesting
import Testing

/// What a server could get wrong, done to a history that was really recorded: the checker must not let any of it pass.
///
/// A change is made wherever the history has room for it, one at a time.
@Suite("A recorded history with one thing wrong is refused")
struct MutatedHistoryTests {
    typealias Operation = ItemModel.Operation
    typealias Item = ItemModel.Item
    typealias History = [Call<Operation>]

    /// Moments of a recorded history are this far apart, so that calls can be put between them.
    private static let spread = 4
    /// Changes tried of each kind, at most.
    private static let triesMax = 60
    /// Histories recorded until one has places, at most: many have none where the calls hardly ever overlap, because the
    /// threads take turns on a machine that is busy.
    private static let recordingsMax = 50

    @Test("a value that was already replaced when it was asked for", arguments: [HotSize.counters, .small, .large])
    func staleValue(_ size: HotSize) throws {
        // A read gets a version again although another call had been told a newer token before the read began.
        func places(_ history: History) -> [(Int, Item)] {
            let seen = gets(history)
            return seen.indices.flatMap { late in
                let began = history[seen[late].index].began
                let known = history.lazy.filter { $0.ended < began }.compactMap { ItemModel.rank(of: $0.operation) }
                    .max()
                return seen[..<late].lazy.filter { $0.item.token < known ?? 0 }.suffix(1).map {
                    (seen[late].index, $0.item)
                }
            }
        }

        try expectRefused(size, places) { history, change in
            history[change.0] = history[change.0].answering(.get(change.1))
        }
    }

    @Test("a value with another version's token", arguments: [HotSize.counters, .small, .large])
    func wrongToken(_ size: HotSize) throws {
        // The next version's, as when a reply is put together while the item changes.
        func places(_ history: History) -> [(Int, Item)] {
            let seen = gets(history)
            return seen.compactMap { get in
                let later = seen.map(\.item).filter { $0.token > get.item.token }
                // A version may have the same value, where the one before was only marked.
                guard let next = later.min(by: { $0.token < $1.token }), next.value != get.item.value else {
                    return nil
                }
                return (get.index, Item(value: get.item.value, flags: get.item.flags, token: next.token))
            }
        }

        try expectRefused(size, places) { history, change in
            history[change.0] = history[change.0].answering(.get(change.1))
        }
    }

    @Test("flags of another version", arguments: [HotSize.counters, .small, .large])
    func wrongFlags(_ size: HotSize) throws {
        func places(_ history: History) -> [(Int, Item)] {
            let seen = gets(history)
            return seen.compactMap { get in
                guard let other = seen.first(where: { $0.item.flags != get.item.flags }) else { return nil }
                return (get.index, Item(value: get.item.value, flags: other.item.flags, token: get.item.token))
            }
        }

        try expectRefused(size, places) { history, change in
            history[change.0] = history[change.0].answering(.get(change.1))
        }
    }

    @Test("a store that was acknowledged and had no effect", arguments: [HotSize.counters, .small, .large])
    func lostUpdate(_ size: HotSize) throws {
        // Between two reads of the same version.
        func places(_ history: History) -> [(Int, Operation)] {
            let seen = gets(history)
            let moments = seen.compactMap { first -> Int? in
                seen.contains {
                    $0.item.token == first.item.token && history[$0.index].began > history[first.index].ended
                } ? history[first.index].ended : nil
            }
            let lost: [Operation] = [
                .set(value: "0", flags: 0, token: nil), .delete(found: true), .append("+1", stored: true, token: nil),
                .increment(by: 1, result: 1, token: nil),
            ]
            return moments.flatMap { moment in lost.map { (moment, $0) } }
        }

        try expectRefused(size, places) { history, change in
            history.append(
                Call(client: -1, operation: change.1, began: change.0 + 1, ended: change.0 + 2))
        }
    }

    @Test("two stores that both had the token", arguments: [HotSize.counters, .small, .large])
    func comparedTwice(_ size: HotSize) throws {
        func places(_ history: History) -> [Int] {
            history.indices.filter {
                if case .compareAndSet(_, _, _, .stored, _, false) = history[$0].operation { true } else { false }
            }
        }

        try expectRefused(size, places) { history, index in
            guard case .compareAndSet(let compare, _, _, _, _, _) = history[index].operation else { return }
            let twin = Operation.compareAndSet(token: compare, value: "0", flags: 0, .stored(token: nil))
            history.append(
                Call(client: -1, operation: twin, began: history[index].began + 1, ended: history[index].ended - 1))
        }
    }

    @Test("two counts from the same number")
    func countedTwice() throws {
        func places(_ history: History) -> [Int] {
            history.indices.filter {
                if case .increment(_, .some, .some, nil) = history[$0].operation { true } else { false }
            }
        }

        try expectRefused(.counters, places) { history, index in
            guard case .increment(let delta, let result?, let token?, _) = history[index].operation else { return }
            // Its twin read the same number, and its store came a little earlier.
            let twin = Operation.increment(by: delta, result: result, token: token - 1)
            history.append(
                Call(client: -1, operation: twin, began: history[index].began + 1, ended: history[index].ended - 1))
        }
    }

    // MARK: Histories

    /// One hot key's calls, which are in order.
    private func recorded(_ size: HotSize) throws -> History {
        let server = try SocketLinearizabilityTests.server(.unix)
        defer { server.stop() }
        var run = HotRun(size: size)
        // So few that versions live long enough to be seen more than once.
        run.connectionCount = 2
        run.binaryCount = 1
        run.commandsPerConnection = 300
        let history = try run.history(server.address)
        #expect(run.violations(in: history).isEmpty)
        return history.calls(of: 0).sorted { $0.began < $1.began }.map {
            Call(
                client: $0.client, operation: $0.operation, began: $0.began * Self.spread, ended: $0.ended * Self.spread
            )
        }
    }

    /// The reads that found something and were told the token, with their places.
    private func gets(_ history: History) -> [(index: Int, item: Item)] {
        history.indices.compactMap { index in
            guard case .get(let item?) = history[index].operation, item.token != 0 else { return nil }
            return (index, item)
        }
    }

    /// Makes the changes of a history that `places` finds. What a history has places for is chance: another one is
    /// recorded as long as there are hardly any.
    private func expectRefused<Change>(
        _ size: HotSize, _ places: (History) -> [Change], _ make: (inout History, Change) -> Void
    ) throws {
        var history: History = []
        var changes: [Change] = []
        for _ in 0..<Self.recordingsMax where changes.count < 3 {
            history = try recorded(size)
            changes = places(history)
        }
        #expect(changes.count >= 3, "the history has places for the change")
        // Spread over the whole history.
        let step = max(1, changes.count / Self.triesMax)
        for index in stride(from: 0, to: changes.count, by: step) {
            var wrong = history
            make(&wrong, changes[index])
            #expect(Linearization<ItemModel>.violation(in: wrong) != nil, "\(changes[index])")
        }
    }
}

extension Call {
    /// The same call with another answer.
    fileprivate func answering(_ operation: Operation) -> Call {
        Call(client: client, operation: operation, began: began, ended: ended)
    }
}
