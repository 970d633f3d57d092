import MartletStore

/// `slabs`: pages moved by hand, and how they move by themselves.
extension Administration {
    static func slabsAnswer(_ words: [String], _ desk: Desk) -> String {
        if words.count == 3, words[0] == "reassign" { return reassignAnswer(words[1], words[2], desk) }
        guard words.count >= 2, words[0] == "automove" else { return "ERROR" }
        // Words behind those that count are ignored.
        let value = words.count > 2 ? words[2] : ""
        switch words[1] {
        case "ratio":
            guard let ratio = fraction(value) else { return "ERROR" }
            return desk.keepAutomove { $0.slabAutomoveRatio = ratio }
        case "freeratio":
            guard let ratio = fraction(value) else { return "ERROR" }
            return desk.keep { $0.slabAutomoveFreeRatio = ratio }
        case "window":
            guard let window = UInt32(value) else { return badFormat }
            guard (3...1800).contains(window) else { return "CLIENT_ERROR automove window too low or too high" }
            return desk.keepAutomove { $0.slabAutomoveWindowSeconds = Int(window) }
        default:
            guard let level = UInt32(words[1]) else { return badFormat }
            guard (0...2).contains(level) else { return "ERROR" }
            desk.server.pointee.store.setMovesPages(level > 0 && desk.server.pointee.settings.slabReassign)
            return desk.keepAutomove { $0.slabAutomove = Int(level) }
        }
    }

    /// `slabs reassign <from> <to>`: -1 is whoever misses a page least, 0 the pool.
    private static func reassignAnswer(_ from: String, _ to: String, _ desk: Desk) -> String {
        guard desk.server.pointee.settings.slabReassign else { return "CLIENT_ERROR slab reassignment disabled" }
        guard let giver = Int32(from), let taker = Int32(to) else { return badFormat }
        if giver == taker { return "SAME src and dst class are identical" }
        let outcome = desk.server.pointee.store.reassign(
            from: giver == -1 ? nil : Int(giver), to: Int(taker), session: desk.session)
        switch outcome {
        case .started: return "OK"
        case .busy: return "BUSY currently processing reassign request"
        case .badClass: return "BADCLASS invalid src or dst class id"
        case .sameClass: return "SAME src and dst class are identical"
        case .noSpare: return "NOSPARE source class has no spare pages"
        }
    }
}

extension Administration.Desk {
    /// Keeps a setting of the automover, and lets it hold.
    fileprivate func keepAutomove(_ change: (inout ServerSettings) -> Void) -> String {
        let answer = keep(change)
        server.pointee.store.setAutomove(shown)
        return answer
    }
}
