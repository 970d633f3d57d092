import MartletProtocol
import MartletStore

/// `lru_crawler metadump` or `mgdump`, or `stats sizes`, while it is being answered.
///
/// The worker of the connection that asked walks the table itself, some buckets per turn, and pauses when the output is
/// full: a client that does not read costs what its unsent replies cost, and no other client, nor another dump, waits.
package struct ItemDump: LongAnswer {
    enum Form {
        /// Everything about each item.
        case items
        /// A command for each key.
        case keys
        /// How many items of each size there are, when all are counted.
        case sizes
    }

    private let form: Form
    /// Classes to tell of, by number; nil for all.
    private let classes: Set<Int>?
    private var walk = TableWalk()
    /// Items by size, in steps of `sizeStepBytes`.
    private var sizes: [Int: Int] = [:]
    private static let sizeStepBytes = 32

    /// `stats sizes`.
    init() {
        form = .sizes
        classes = nil
    }

    /// `classes` is a word of the line: `all`, `hash` or numbers joined by commas. Nil if it names a class that cannot
    /// be.
    init?(_ form: Form, classes word: String, slabClassMax: Int) {
        guard let chosen = Self.classes(word, slabClassMax: slabClassMax) else { return nil }
        self.form = form
        classes = chosen.numbers
    }

    /// What such a word names; `numbers` is nil for all. memcached's class numbers go up to 63, whether there are so
    /// many or not.
    static func classes(_ word: String, slabClassMax: Int) -> (numbers: Set<Int>?, isAll: Bool)? {
        if word == "all" || word == "hash" { return (nil, true) }
        let numbers = word.split(separator: ",").map { UInt32($0).map(Int.init) ?? 0 }
        guard !numbers.isEmpty, numbers.allSatisfy({ (1...max(63, slabClassMax)).contains($0) }) else { return nil }
        return (Set(numbers), false)
    }

    /// As with memcached: a forged sender is sent no dump. The binary protocol has none.
    package var needsConnection: Bool { true }

    /// Appends lines until the output is full, the turn is over, or there are no more.
    package mutating func appendLines(
        _ server: Administration.Server, _ output: UnsafeMutablePointer<OutputBuffer>
    ) -> AnswerProgress {
        let startSecond = server.pointee.clock.wall(of: 0)
        let now = server.pointee.clock.second
        let hidesTokens = !server.pointee.settings.issuesTokens
        let (form, classes) = (form, classes)
        if form == .sizes { return countSizes(server, output) }
        for _ in 0..<Limits.dumpedBucketsPerTurnMax {
            if output.pointee.isFull { return .outputFull }
            let goesOn = server.pointee.store.step(&walk, now: now) { item in
                if let classes, !classes.contains(item.slabClass) { return }
                let start = output.pointee.reserve(DumpWriter.lineBytesMax)
                switch form {
                case .items:
                    var told = Self.told(item, startSecond: startSecond)
                    if hidesTokens { told.token = 0 }
                    output.pointee.advance(to: DumpWriter.itemLine(told, at: start))
                case .keys:
                    output.pointee.advance(to: DumpWriter.keyLine(item.key, at: start))
                case .sizes: break
                }
            }
            guard goesOn else {
                output.pointee.append(form == .items ? "END\r\n" : "EN\r\n")
                return .finished
            }
        }
        return .turnOver
    }

    /// Counts, and tells what was counted when the walk is over.
    private mutating func countSizes(
        _ server: Administration.Server, _ output: UnsafeMutablePointer<OutputBuffer>
    ) -> AnswerProgress {
        let now = server.pointee.clock.second
        var sizes = sizes
        defer { self.sizes = sizes }
        for _ in 0..<Limits.dumpedBucketsPerTurnMax {
            let goesOn = server.pointee.store.step(&walk, now: now) { item in
                let steps = (item.itemSize + Self.sizeStepBytes - 1) / Self.sizeStepBytes
                sizes[steps * Self.sizeStepBytes, default: 0] += 1
            }
            if goesOn { continue }
            var text = StatisticsText()
            for (size, count) in sizes.sorted(by: { $0.key < $1.key }) { text.add(String(size), count) }
            text.end()
            Administration.send(text, output)
            return .finished
        }
        return .turnOver
    }

    private static func told(_ item: WalkedItem, startSecond: Int64) -> DumpWriter.Item {
        DumpWriter.Item(
            key: item.key, expiry: item.expiry == 0 ? nil : startSecond + Int64(item.expiry),
            lastAccess: startSecond + Int64(item.lastAccess), token: item.token, wasFetched: item.wasFetched,
            slabClass: item.slabClass, itemBytes: item.itemSize, clientFlags: item.clientFlags)
    }
}
