/// What a thing does: its states, and which state an operation with its answer leads to.
package protocol SequentialModel {
    associatedtype State: Hashable
    associatedtype Operation: Sendable

    static var initial: State { get }

    /// The state after `operation`, or nil if it cannot have been answered so in `state`.
    static func apply(_ operation: Operation, to state: State) -> State?

    /// A number that never falls along an order which `apply` accepts, for operations whose answer tells it. It spares
    /// the search most of the orders there are.
    static func rank(of operation: Operation) -> UInt64?

    /// Whether the operation, with its answer, has changed nothing. `apply` may still learn something of the state from
    /// it.
    static func isObservation(_ operation: Operation) -> Bool
}

/// The search for an order (Wing and Gong 1993, with Lowe's memory of configurations, 2017).
///
/// 1. Begins and ends of all calls stand in a list in the order of the clock.
/// 2. A call whose begin stands before the first end may be next. If the model accepts it, it is taken out of the list,
///    and the search starts again at the front.
/// 3. When an end is met, its call should have been taken already: the last one taken is put back and the search goes
///    on behind it.
/// 4. A set of taken calls with the state they led to is entered only once.
/// 5. A call with a rank is only taken when no call of a lower rank is left.
/// 6. An observation that leaves the state as it is loses no order by being taken at once, so nothing else is tried in
///    its place.
/// 7. A client's calls are taken in the order in which they began: commands sent together are answered one after the
///    other, though all of them have begun before the first ends.
/// 8. The list is empty: there is an order. Nothing is left to put back: there is none.
package struct Linearization<Model: SequentialModel> {
    private let calls: [Call<Model.Operation>]
    /// Places 1... are begins and ends; place 0 is the front. Linked both ways.
    private var next: [Int]
    private var previous: [Int]
    /// The call at each place; its end where it is a begin, else 0.
    private var callAt: [Int]
    private var endOf: [Int]
    /// Of each call; and all there are, in their order.
    private let ranks: [UInt64?]
    private let sortedRanks: [UInt64]
    /// Of each call, the one its client began before; -1 for the first.
    private let predecessors: [Int]

    /// The calls taken, in order and as a set, and where they have led.
    private var trail: [Step] = []
    private var taken: [UInt64]
    private var state = Model.initial
    /// Ranks are taken in their order (rule 5), so a count says which is next.
    private var rankedCount = 0
    private var seen = Set<Configuration>()
    private var deepest: Violation?
    private let configurationsMax: Int

    private struct Step {
        let place: Int
        let before: Model.State
        /// There was nothing to choose (rule 6).
        let isForced: Bool
    }

    private struct Configuration: Hashable {
        let taken: [UInt64]
        let state: Model.State
    }

    private init(_ calls: [Call<Model.Operation>], configurationsMax: Int) {
        self.calls = calls
        self.configurationsMax = configurationsMax
        taken = [UInt64](repeating: 0, count: (calls.count + 63) / 64)
        ranks = calls.map { Model.rank(of: $0.operation) }
        sortedRanks = ranks.compactMap { $0 }.sorted()
        predecessors = Self.predecessors(calls)
        let edges = calls.indices.flatMap { [(calls[$0].began, $0, true), (calls[$0].ended, $0, false)] }
            .sorted { $0.0 < $1.0 }
        callAt = [-1] + edges.map(\.1)
        next = Array(1...edges.count + 1)
        previous = Array(-1..<edges.count)
        endOf = [Int](repeating: 0, count: edges.count + 1)
        var beginOf = [Int](repeating: 0, count: calls.count)
        for (index, edge) in edges.enumerated() {
            if edge.2 {
                beginOf[edge.1] = index + 1
            } else {
                endOf[beginOf[edge.1]] = index + 1
            }
        }
    }

    private static func predecessors(_ calls: [Call<Model.Operation>]) -> [Int] {
        var last: [Int: Int] = [:]
        return calls.indices.map { index in
            defer { last[calls[index].client] = index }
            return last[calls[index].client] ?? -1
        }
    }

    /// Histories that need more than this are given up: some thousand calls with few answers in doubt need a tenth of
    /// it.
    package static var configurationsMax: Int { 1_000_000 }

    /// nil if there is an order that explains all answers; else the longest run of calls that could be explained, and
    /// those that could have come next.
    package static func violation(
        in calls: [Call<Model.Operation>], configurationsMax: Int = Self.configurationsMax
    ) -> Violation? {
        if calls.isEmpty { return nil }
        var search = Self(calls.sorted { $0.began < $1.began }, configurationsMax: configurationsMax)
        return search.run()
    }

    package struct Violation: CustomStringConvertible {
        package let explained: [Call<Model.Operation>]
        package let candidates: [Call<Model.Operation>]
        /// Of the calls not taken, those whose rank must come next; they may not even have begun.
        package let nextInRank: [Call<Model.Operation>]
        package let state: Model.State
        /// False: the search was given up.
        package fileprivate(set) var isProved = true

        package var description: String {
            let tail = explained.suffix(8).map(line).joined()
            let next = candidates.map(line).joined()
            return
                "after \(explained.count) calls, the last of them\n\(tail)in state \(state) none of these is true:\n\(next)"
                + (nextInRank.isEmpty ? "" : "next in rank would be\n\(nextInRank.map(line).joined())")
        }

        /// Long values are cut.
        private func line(_ call: Call<Model.Operation>) -> String { "  \("\(call)".prefix(200))\n" }
    }

    private mutating func run() -> Violation? {
        let end = next.count
        takeObservations()
        var place = next[0]
        while next[0] != end {
            if place == end || endOf[place] == 0 {
                // An end whose call is not taken: nothing here can be next.
                noteDeadEnd()
                if seen.count > configurationsMax {
                    deepest?.isProved = false
                    return deepest
                }
                guard let choice = giveUpChoice() else { return deepest }
                place = next[choice]
            } else if choose(place) {
                takeObservations()
                place = next[0]
            } else {
                place = next[place]
            }
        }
        return nil
    }

    /// Takes a call that may be next; false if it cannot be, or if nothing came of it before.
    private mutating func choose(_ place: Int) -> Bool {
        guard let after = stateAfter(place) else { return false }
        var grown = taken
        mark(callAt[place], in: &grown)
        guard seen.insert(Configuration(taken: grown, state: after)).inserted else { return false }
        take(place, after, isForced: false)
        return true
    }

    /// Rule 6.
    private mutating func takeObservations() {
        var place = next[0]
        while place != next.count, endOf[place] != 0 {
            if Model.isObservation(calls[callAt[place]].operation), stateAfter(place) == state {
                take(place, state, isForced: true)
                // Its end may have been the first.
                place = next[0]
            } else {
                place = next[place]
            }
        }
    }

    private func stateAfter(_ place: Int) -> Model.State? {
        let call = callAt[place]
        // Rule 7.
        if predecessors[call] >= 0, !isTaken(predecessors[call]) { return nil }
        if let rank = ranks[call], rank != sortedRanks[rankedCount] { return nil }
        return Model.apply(calls[call].operation, to: state)
    }

    private mutating func take(_ place: Int, _ after: Model.State, isForced: Bool) {
        let call = callAt[place]
        trail.append(Step(place: place, before: state, isForced: isForced))
        if ranks[call] != nil { rankedCount += 1 }
        mark(call, in: &taken)
        state = after
        lift(place)
    }

    /// Puts calls back up to the last one for which there was a choice, and gives its place; nil if there is none.
    private mutating func giveUpChoice() -> Int? {
        while let step = trail.popLast() {
            let call = callAt[step.place]
            state = step.before
            if ranks[call] != nil { rankedCount -= 1 }
            mark(call, in: &taken)
            putBack(step.place)
            if !step.isForced { return step.place }
        }
        return nil
    }

    /// Puts the call in, or takes it out.
    private func mark(_ call: Int, in set: inout [UInt64]) { set[call / 64] ^= 1 << UInt64(call % 64) }

    private func isTaken(_ call: Int) -> Bool { taken[call / 64] & 1 << UInt64(call % 64) != 0 }

    private mutating func noteDeadEnd() {
        if let deepest, deepest.explained.count >= trail.count { return }
        let nextRank = rankedCount < sortedRanks.count ? sortedRanks[rankedCount] : nil
        deepest = Violation(
            explained: trail.map { calls[callAt[$0.place]] }, candidates: candidates(),
            nextInRank: calls.indices.filter { ranks[$0] == nextRank && nextRank != nil && !isTaken($0) }.map {
                calls[$0]
            },
            state: state)
    }

    /// The calls that have begun before the first end in the list.
    private func candidates() -> [Call<Model.Operation>] {
        var found: [Call<Model.Operation>] = []
        var place = next[0]
        while place != next.count, endOf[place] != 0 {
            found.append(calls[callAt[place]])
            place = next[place]
        }
        return found
    }

    private mutating func lift(_ begin: Int) {
        for place in [begin, endOf[begin]] {
            next[previous[place]] = next[place]
            if next[place] < previous.count { previous[next[place]] = previous[place] }
        }
    }

    private mutating func putBack(_ begin: Int) {
        for place in [endOf[begin], begin] {
            next[previous[place]] = place
            if next[place] < previous.count { previous[next[place]] = place }
        }
    }
}
