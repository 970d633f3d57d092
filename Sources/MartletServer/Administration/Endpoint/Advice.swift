/// Sentences for operators, where a figure calls for one. Each has its reason in figures, so that it can be checked.
struct Advice: Sendable {
    enum Weight: String { case hint, warning }

    let weight: Weight
    let text: String

    private init(_ weight: Weight, _ text: String) {
        self.weight = weight
        self.text = text
    }

    /// What can be said of what happened between two moments, some minutes or at least some seconds apart.
    static func about(_ earlier: ServerFigures, _ now: ServerFigures) -> [Advice] {
        let span = Double(now.takenAt &- earlier.takenAt) / 1e9
        guard span >= 5 else { return [] }
        func change(_ field: (ServerFigures) -> Int) -> Int { max(0, field(now) - field(earlier)) }
        return memory(now, change) + service(now, span, change)
    }

    private typealias Change = ((ServerFigures) -> Int) -> Int

    private static func memory(_ now: ServerFigures, _ change: Change) -> [Advice] {
        var advice: [Advice] = []
        let evicted = change { $0.store.sum(\.evicted) }
        let unfetched = change { $0.store.sum(\.evictedUnfetched) }
        let ghosts = change { $0.store.sum(\.ghostHits) }
        let misses = change { $0.gets.misses }
        if evicted >= 100, unfetched * 10 >= evicted * 3 {
            advice.append(
                Advice(
                    .warning,
                    "\(percent(unfetched, evicted)) of the items evicted had never been read: memory is too small, lives "
                        + "are too long, or values are stored that nobody wants."))
        }
        if misses >= 100, ghosts * 10 >= misses {
            advice.append(
                Advice(
                    .warning,
                    "\(percent(ghosts, misses)) as many keys as were missed came back soon after their eviction: more "
                        + "memory (-m) would turn that share of the misses into hits."))
        }
        let expired = change { $0.store.sum(\.expiredUnfetched) }
        let sets = change { $0.commands.hits.sets }
        if sets >= 1000, expired * 2 >= sets {
            advice.append(
                Advice(
                    .hint,
                    "\(percent(expired, sets)) as many items as were stored expired unread: lives are shorter than the "
                        + "time until somebody asks, or the values need not be cached."))
        }
        let refused = change { $0.commands.storeNoMemory }
        if refused > 0 {
            let remedy =
                now.settings.eviction.evicts ? "unfinished uploads hold it." : "-M is on, so nothing is evicted."
            advice.append(Advice(.warning, "\(refused) stores were refused for want of memory: \(remedy)"))
        }
        let tooLarge = change { $0.commands.storeTooLarge }
        if tooLarge > 0 {
            advice.append(
                Advice(
                    .warning, "\(tooLarge) values were over the largest item (-I \(now.settings.itemBytesMax >> 10)k).")
            )
        }
        if now.store.itemBytes > 64 << 20, now.fragmentation > 1.3, evicted > 0 {
            advice.append(
                Advice(
                    .hint,
                    "Pages take \(FixedPoint.text(now.fragmentation, places: 2)) bytes for each byte of items: sizes have "
                        + "changed, and pages are still on their way."))
        }
        return advice
    }

    private static func service(_ now: ServerFigures, _ span: Double, _ change: Change) -> [Advice] {
        var advice: [Advice] = []
        let gets = change { $0.gets.hits + $0.gets.misses }
        let hits = change { $0.gets.hits }
        if gets >= 1000, hits * 2 < gets {
            advice.append(
                Advice(
                    .hint,
                    "Only \(percent(hits, gets)) of the look-ups found something: after a start or a flush that passes; "
                        + "otherwise clients ask for what nobody stores, or under other names."))
        }
        let rejected = change { $0.network.rejectedConnections }
        if rejected > 0 {
            advice.append(
                Advice(.warning, "\(rejected) connections were refused: -c \(now.settings.connectionsMax) is reached."))
        } else if now.network.currentConnections * 10 >= now.settings.connectionsMax * 9 {
            advice.append(
                Advice(
                    .warning,
                    "\(now.network.currentConnections) of at most \(now.settings.connectionsMax) connections are open: raise "
                        + "-c, or let clients pool theirs."))
        }
        let opened = change { $0.network.totalConnections }
        if Double(opened) > 100 * span, opened > 200, gets < opened * 20 {
            advice.append(
                Advice(
                    .hint,
                    "Clients open \(Int(Double(opened) / span)) connections a second for few requests each: "
                        + "persistent connections would save most of their time."))
        }
        let failures = change { $0.commands.loginFailures }
        if failures > 0 { advice.append(Advice(.warning, "\(failures) logins were refused.")) }
        let kicks = change { $0.network.budgetKicks }
        if kicks > 0 {
            advice.append(
                Advice(
                    .warning,
                    "\(kicks) connections were closed because they did not read their replies, or sent large values "
                        + "too slowly."))
        }
        return advice
    }

    private static func percent(_ part: Int, _ whole: Int) -> String {
        whole > 0 ? "\(Int((Double(part) / Double(whole) * 100).rounded())) %" : "0 %"
    }
}
