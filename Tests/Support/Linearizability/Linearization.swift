/// What a thing does: its states, and which state an operation with its answer leads to.
package protocol SequentialModel {
    associatedtype State: Hashable
    associatedtype Operation: Sendable

    static var initial: State { get }

    /// The state after `operation`, or nil if it cannot have been answered so in `state`.
    static func apply(_ operation: Operation, to state: State) -> State?
}

/// The search for an order (Wing and Gong 1993, with Lowe's memory of configurations, 2017).
///
/// 1. Begins and ends of all calls stand in a list in the order of the clock.
/// 2. A call whose begin stands before the first end may be next. If the model accepts it, it is taken out of the list, and
///    the search starts again at the front.
/// 3. When an end is met, its call should have been taken already: the last one taken is put back and the search goes on
///    behind it.
/// 4. A set of taken calls with the state they led to is entered only once.
/// 5. The list is empty: there is an order. Nothing is left to put back: there is none.
package struct Linearization<Model: SequentialModel> {
    private let calls: [Call<Model.Operation>]
    /// Places 1... are begins and ends; place 0 is the front. Linked both ways.
    private var next: [Int]
    private var previous: [Int]
    /// The call at each place; its end where it is a begin, else 0.
    private var callAt: [Int]
    private var endOf: [Int]

    private struct Configuration: Hashable {
        let taken: [UInt64]
        let state: Model.State
    }

    private init(_ calls: [Call<Model.Operation>]) {
        self.calls = calls
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

    /// nil if there is an order that explains all answers; else the longest run of calls that could be explained, and those
    /// that could have come next.
    package static func violation(in calls: [Call<Model.Operation>]) -> Violation? {
        if calls.isEmpty { return nil }
        var search = Self(calls.sorted { $0.began < $1.began })
        return search.run()
    }

    package struct Violation: CustomStringConvertible {
        package let explained: [Call<Model.Operation>]
        package let candidates: [Call<Model.Operation>]
        package let state: Model.State

        package var description: String {
            let tail = explained.suffix(8).map { "  \($0)" }.joined(separator: "\n")
            let next = candidates.map { "  \($0)" }.joined(separator: "\n")
            return
                "after \(explained.count) calls, the last of them\n\(tail)\nin state \(state) none of these is true:\n\(next)"
        }
    }

    private mutating func run() -> Violation? {
        let end = next.count
        var taken = [UInt64](repeating: 0, count: (calls.count + 63) / 64)
        var trail: [(place: Int, before: Model.State)] = []
        var state = Model.initial
        var seen = Set<Configuration>()
        var best: Violation?
        var place = next[0]
        while next[0] != end {
            if place != end, endOf[place] != 0 {
                let call = callAt[place]
                if let after = Model.apply(calls[call].operation, to: state) {
                    var grown = taken
                    grown[call / 64] |= 1 << UInt64(call % 64)
                    if seen.insert(Configuration(taken: grown, state: after)).inserted {
                        trail.append((place, state))
                        state = after
                        taken = grown
                        lift(place)
                        place = next[0]
                        continue
                    }
                }
                place = next[place]
                continue
            }
            // An end whose call is not taken: nothing here can be next.
            if best == nil || trail.count > best!.explained.count {
                best = Violation(
                    explained: trail.map { calls[callAt[$0.place]] }, candidates: candidates(), state: state)
            }
            guard let last = trail.popLast() else { return best }
            state = last.before
            let call = callAt[last.place]
            taken[call / 64] &= ~(1 << UInt64(call % 64))
            putBack(last.place)
            place = next[last.place]
        }
        return nil
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
