/// What came of asking for one page by name.
package enum ReassignOutcome: BitwiseCopyable, Equatable, Sendable {
    /// The move has begun; the maintainer goes on with it.
    case started
    /// Another page is on its way.
    case busy
    /// There is no such class.
    case badClass
    case sameClass
    /// The giver has no second page, or none that is not leased or being written.
    case noSpare
}

extension CacheStore {
    private static let slicesByAsker = 16

    /// `slabs reassign`: begins to move a page to class `taker` (0 for the pool) from `giver`, or from the class that
    /// loses least (nil). Any thread that holds no lock of the store.
    package func reassign(from giver: Int?, to taker: Int, session: StoreSession) -> ReassignOutcome {
        // memcached's pool is a class like others.
        let classes = (core.pointee.geometry.keepsLists ? 0 : 1)...core.pointee.geometry.classCount
        if let giver, !classes.contains(giver) { return .badClass }
        if taker != 0, !classes.contains(taker) { return .badClass }
        if giver == taker { return .sameClass }
        let outcome = core.beginMove(from: giver, to: taker, session.state)
        guard outcome == .started, core.pointee.geometry.keepsLists else { return outcome }
        // The thread that asks makes a start: if nothing in a page of few chunks is busy, it has moved by the answer.
        for _ in 0..<Self.slicesByAsker where !core.advanceMove(session.state) { break }
        return outcome
    }
}
