import ServerTesting
import StoreTesting

/// A client that stays, with keys of its own: what it reads is what it stored last, or nothing; never what has ended.
final class StressSteady: StressPart, @unchecked Sendable {
    // Unchecked as its base.

    private struct Belief {
        var version: UInt32
        var count: Int
        /// Server second by which it has ended; 0 for never.
        var endsBy: UInt32 = 0
    }

    private static let keyCount = 100
    /// Lengths that shift: what was right for the pages of one phase is wrong for the next.
    private static let phases = [40..<200, 3000..<6000, 18_000..<60_000, 300..<1500, 20_000..<40_000]

    private var beliefs: [Int: Belief] = [:]
    private var version: UInt32 = 0
    private var stepCount: Int { max(StressStage.operations / 20, 100) }

    override func play() throws {
        defer { stage.end() }
        let conversation = try stage.conversation()
        for step in 0..<stepCount {
            try act(conversation, Self.phases[step * Self.phases.count / stepCount])
        }
        conversation.client.close()
    }

    static func key(_ client: Int, _ index: Int) -> String { "steady-\(client)-\(index)" }

    private func act(_ conversation: StressConversation, _ lengths: Range<Int>) throws {
        let index = random.below(Self.keyCount)
        switch random.below(20) {
        case ..<8: try read(conversation, [index])
        case ..<9: try read(conversation, (0..<10).map { ($0 + index) % Self.keyCount })
        case ..<17: try store(conversation, index, lengths.lowerBound + random.below(lengths.count))
        case ..<18:
            let second = stage.second
            let answer = try conversation.ask("delete \(Self.key(number, index))\r\n")
            if answer != "DELETED", answer != "NOT_FOUND" { fault("delete: \(answer)") }
            if answer == "DELETED", mustBeGone(index, at: second) { fault("deleted what is not there") }
            beliefs[index] = nil
        default: try touch(conversation, index)
        }
    }

    /// `second`: before the request was sent. A worker reads the clock once per round, which may have begun earlier.
    private func mustBeGone(_ index: Int, at second: UInt32) -> Bool {
        guard let belief = beliefs[index] else { return true }
        return belief.endsBy > 0 && second >= belief.endsBy + 2
    }

    private func read(_ conversation: StressConversation, _ indices: [Int]) throws {
        let second = stage.second
        let items = try conversation.get(indices.map { Self.key(number, $0) })
        counts["hits", default: 0] += items.count
        counts["misses", default: 0] += indices.count - items.count
        for item in items {
            guard let index = indices.first(where: { Self.key(number, $0) == item.key }) else {
                fault("\(item.key) was not asked for")
                continue
            }
            guard let belief = beliefs[index], !mustBeGone(index, at: second) else {
                fault("\(item.key) is there, though \(beliefs[index] == nil ? "removed" : "at its end")")
                continue
            }
            if belief.version != item.flags || belief.count != item.value.count {
                fault("\(item.key) is \(item.value.count) B of \(item.flags), not what was stored last")
            }
            if !StressValue.isWhole(item.key, item.flags, item.value) { fault("\(item.key) is not whole") }
        }
    }

    private func store(_ conversation: StressConversation, _ index: Int, _ count: Int) throws {
        version += 1
        let seconds = random.below(3) == 0 ? 1 + random.below(5) : 0
        let key = Self.key(number, index)
        try conversation.send(StressValue.set(key, version, seconds, count))
        let answer = try conversation.line()
        if answer == "STORED" {
            counts["stored", default: 0] += 1
            beliefs[index] = Belief(
                version: version, count: count, endsBy: seconds > 0 ? stage.second + UInt32(seconds) : 0)
        } else if answer.hasPrefix("SERVER_ERROR out of memory") {
            // A `set` that is refused removes what was there.
            counts["refused", default: 0] += 1
            beliefs[index] = nil
        } else {
            fault("set: \(answer)")
        }
    }

    private func touch(_ conversation: StressConversation, _ index: Int) throws {
        let seconds = random.below(2) == 0 ? 0 : 1 + random.below(5)
        let second = stage.second
        let answer = try conversation.ask("touch \(Self.key(number, index)) \(seconds)\r\n")
        switch answer {
        case "TOUCHED":
            if mustBeGone(index, at: second) { fault("touched what is not there") }
            beliefs[index]?.endsBy = seconds > 0 ? stage.second + UInt32(seconds) : 0
        case "NOT_FOUND": beliefs[index] = nil
        default: if !answer.hasPrefix("SERVER_ERROR out of memory") { fault("touch: \(answer)") }
        }
    }
}

/// Stores keys that nobody had before, so that the table grows, and twice flushes everything on the way.
final class StressGrowth: StressPart, @unchecked Sendable {
    // Unchecked as its base.

    private static let keysPerBatch = 200
    private(set) var bucketCountMax = 0

    override func play() throws {
        defer { stage.end() }
        let conversation = try stage.conversation()
        let batchCount = max(StressStage.operations / 125, 160)
        for batch in 0..<batchCount {
            let stores = (0..<Self.keysPerBatch).map { "set new-\(batch)-\($0) 0 0 4 noreply\r\nwxyz\r\n" }
            let answer = try conversation.ask(stores.joined() + "mn\r\n")
            if answer != "MN" { return fault("a quiet store was answered: \(answer)") }
            bucketCountMax = max(bucketCountMax, stage.bucketCount)
            if batch == batchCount / 2 || batch == batchCount * 9 / 10 {
                let answer = try conversation.ask("flush_all\r\n")
                if answer != "OK" { fault("flush_all: \(answer)") }
            }
        }
        counts["new keys"] = batchCount * Self.keysPerBatch
        conversation.client.close()
    }
}
