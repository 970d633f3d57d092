/// Whose turn it is to have a slice of a slow hash computed: of all logins of one worker that wait for one.
///
/// 1. Slices go by turns among networks (`PeerAddress.network`), one a round. Of one network, one check is under way at
///    a time: the first one, and then the next. So a login waits for no more than the slices of as many other networks
///    as there are, each time, however many passwords they try; and for those of its own network that came before.
/// 2. Each connection over a Unix socket counts as a network of its own.
/// 3. Who has not asked in the round before, because its client does not take what it was answered, is passed over.
///
/// Those who wait ask in every round, so choosing needs no more than who they are.
struct HashTurns: ~Copyable {
    private struct Line {
        let network: UInt64?
        /// In the order in which they came; never empty.
        var checks: [UnsafeMutablePointer<LoginState>]
    }

    private var lines: [Line] = []
    /// The line that has the next turn.
    private var next = 0
    /// Who has the slice of this round, until it is taken.
    private var chosen: UnsafeMutablePointer<LoginState>?
    private var isNewRound = true
    /// Counts the rounds in which somebody has asked.
    private var round = 0

    /// A slice may be computed, however many rounds went by without one.
    @inline(__always)
    mutating func beginRound() { isNewRound = true }

    mutating func join(_ state: UnsafeMutablePointer<LoginState>) {
        state.pointee.askedRound = round
        let network = state.pointee.network
        if let network, let index = lines.firstIndex(where: { $0.network == network }) {
            lines[index].checks.append(state)
        } else {
            lines.append(Line(network: network, checks: [state]))
        }
    }

    /// The check is over, or its connection.
    mutating func leave(_ state: UnsafeMutablePointer<LoginState>) {
        if chosen == state { chosen = nil }
        let network = state.pointee.network
        let found = lines.firstIndex { $0.network == network && $0.checks.contains(state) }
        guard let index = found else { return }
        lines[index].checks.removeAll { $0 == state }
        guard lines[index].checks.isEmpty else { return }
        lines.remove(at: index)
        if index < next { next -= 1 }
    }

    /// Whether the round's slice is for this one, which has joined; if so, it is taken.
    mutating func takes(_ state: UnsafeMutablePointer<LoginState>) -> Bool {
        if isNewRound {
            isNewRound = false
            choose()
            round += 1
        }
        state.pointee.askedRound = round
        guard chosen == state else { return false }
        chosen = nil
        return true
    }

    private mutating func choose() {
        let round = round
        chosen = nil
        for _ in lines.indices {
            if next >= lines.count { next = 0 }
            chosen = lines[next].checks.first { $0.pointee.askedRound == round }
            next += 1
            if chosen != nil { return }
        }
    }
}
