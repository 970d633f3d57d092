import LoadWorkload

extension MartletRules {
    /// A rule that can be set from text: `name=value`.
    private struct Setting {
        let name: String
        let set: (inout MartletRules, Substring, OptionText) throws(WorkloadError) -> Void
    }

    /// Sets one rule, `name=value`.
    package mutating func set(_ text: Substring, _ option: OptionText) throws(WorkloadError) {
        let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, let setting = Self.settings.first(where: { $0.name == sides[0] }) else {
            throw option.error("'\(text)' is not one of these with a value: \(Self.names.joined(separator: ", "))")
        }
        try setting.set(&self, sides[1], option)
    }

    /// The names of all rules that can be set.
    package static var names: [String] { settings.map(\.name) }

    private static func whole(
        _ name: String, _ path: WritableKeyPath<MartletRules, Int> & Sendable, _ range: ClosedRange<UInt64>
    ) -> Setting {
        Setting(name: name) { rules, text, option throws(WorkloadError) in
            let number = try option.count(text, name, from: range.lowerBound, to: range.upperBound)
            rules[keyPath: path] = Int(number)
        }
    }

    private static func bytes(
        _ name: String, _ path: WritableKeyPath<MartletRules, Int> & Sendable, _ range: ClosedRange<Int>
    ) -> Setting {
        Setting(name: name) { rules, text, option throws(WorkloadError) in
            rules[keyPath: path] = try option.bytes(text, name, from: range.lowerBound, to: range.upperBound)
        }
    }

    private static func fraction(
        _ name: String, _ path: WritableKeyPath<MartletRules, Double> & Sendable, _ range: ClosedRange<Double>
    ) -> Setting {
        Setting(name: name) { rules, text, option throws(WorkloadError) in
            rules[keyPath: path] = try option.number(text, name, from: range.lowerBound, to: range.upperBound)
        }
    }

    private static func yes(_ name: String, _ path: WritableKeyPath<MartletRules, Bool> & Sendable) -> Setting {
        Setting(name: name) { rules, text, option throws(WorkloadError) in
            guard text == "yes" || text == "no" else { throw option.error("\(name) is '\(text)', must be yes or no") }
            rules[keyPath: path] = text == "yes"
        }
    }

    private static var settings: [Setting] {
        [
            Setting(name: "mover") { rules, text, option throws(WorkloadError) in
                guard let mover = Mover(rawValue: String(text)) else {
                    throw option.error("mover '\(text)' is none of none, needy, marginal")
                }
                rules.mover = mover
            },
            Setting(name: "hot-hits") { rules, text, option throws(WorkloadError) in
                rules.hotHitsNeeded = UInt8(try option.count(text, "hot-hits", from: 1, to: 255))
            },
            Setting(name: "frequency-max") { rules, text, option throws(WorkloadError) in
                rules.frequencyMax = UInt8(try option.count(text, "frequency-max", from: 1, to: 255))
            },
            Setting(name: "short-life") { rules, text, option throws(WorkloadError) in
                rules.shortLifeSeconds = UInt32(try option.count(text, "short-life", to: 1 << 31))
            },
            bytes("page", \.pageBytes, 1 << 12...1 << 24), fraction("factor", \.growthFactor, 1.001...4),
            bytes("chunk-min", \.chunkBytesMin, 16...4096), bytes("header", \.headerBytes, 0...256),
            bytes("large-header", \.largeHeaderBytes, 0...256), bytes("part-header", \.partHeaderBytes, 0...256),
            bytes("small-max", \.smallValueBytesMax, 64...1 << 20), bytes("item-max", \.itemBytesMax, 1024...1 << 30),
            yes("charge", \.chargesTables), bytes("outside", \.outsideBytes, 0...1 << 30),
            whole("slots", \.bucketSlots, 1...64), bytes("bucket", \.bucketBytes, 8...512),
            whole("overflow-slots", \.overflowSlots, 1...64),
            bytes("overflow", \.overflowBytes, 8...512), yes("share-overflow", \.sharesOverflow),
            whole("stripe-bits", \.stripeBits, 0...20), whole("load-halves", \.loadMaxHalves, 1...128),
            whole("reserve", \.reservePages, 0...1024),
            whole("ghosts", \.ghostLanes, 0...64), fraction("hot", \.hotShare, 0...1),
            fraction("hot-min", \.hotShareMin, 0...1), fraction("hot-max", \.hotShareMax, 0...1),
            fraction("hot-long", \.hotLong, 0...1e6), fraction("settle", \.settleShare, 0...100),
            whole("share-pages", \.sharePagesLeast, 1...1 << 30), fraction("span-windows", \.spanWindowsMax, 0...1e9),
            whole("adapt", \.adaptDivisor, 0...1 << 30), whole("visits", \.visitsMax, 1...1 << 20),
            yes("survivors-warm", \.hotSurvivorsAreWarm), yes("hand-clears", \.handClearsFrequency),
            yes("ghosts-admit", \.ghostsAdmit), yes("large-ghosts", \.largeGhosts),
            yes("overwrite-hit", \.overwriteCountsAsHit), whole("sampled", \.sampled, 1...4096),
            fraction("margin", \.moverMargin, 0...1e6), fraction("assumed", \.hitsAssumed, 0...1e6),
            fraction("hurry", \.hurryMargin, 0...1e12),
            fraction("checks", \.checksPerPage, 0.01...1e6),
            fraction("halving", \.halvingDivisor, 0.001...1e6), fraction("ghost-hits-min", \.ghostHitsMin, 0...1e9),
            whole("evictions-per-move", \.evictionsPerMove, 0...1 << 30),
            whole("free-run", \.freeRunMax, 1...1 << 20), yes("takes-empty", \.takesEmpty),
            fraction("silence", \.silenceDivisor, 0...1e6), fraction("run-evidence", \.runEvidence, 0...1e12),
            fraction("silent-hits", \.silentHitsMin, 0...1e6),
            yes("loss-by-promotions", \.lossCountsPromotions), whole("sampled-pages", \.sampledPages, 1...1024),
            yes("relocate", \.relocates), yes("relocate-cold", \.relocatesCold),
        ]
    }
}

extension CachePolicy {
    /// Reads `memcached`, or one of `martlet`, `segmented`, `lru`, `fifo`, `lfu`, `ttl`, `random`, with rules behind a
    /// colon:
    /// `martlet:mover=marginal,factor=1.04`.
    package init(parsing text: String, subject: String = "policy") throws(WorkloadError) {
        let option = OptionText(subject, text)
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let settings = parts.count == 2 ? parts[1].split(separator: ",", omittingEmptySubsequences: false) : []
        if parts[0] == "memcached" {
            guard settings.isEmpty else { throw option.error("memcached is simulated with its defaults only") }
            self = .memcached(MemcachedRules())
            return
        }
        guard let choice = MartletRules.Choice(rawValue: String(parts[0])) else {
            let choices = MartletRules.Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw option.error("is none of \(choices), memcached")
        }
        var rules = MartletRules()
        rules.choice = choice
        if choice == .lfu { rules.frequencyMax = .max }
        for setting in settings { try rules.set(setting, option) }
        self = .martlet(rules)
    }
}
