import MartletStore
import StoreTesting

/// Steps at random, from a seed. The mix leans to what has broken before: same keys, sizes around edges, tokens that
/// have just changed, memory that has just run out.
struct Generator {
    let configuration: ModelConfiguration
    private var random: SplitMix
    /// Lengths that come often, so that values meet others of their size.
    private var favourites: [Int] = []

    init(seed: UInt64, isMemcachedMode: Bool = false) {
        var random = SplitMix(seed: seed)
        var configuration = ModelConfiguration()
        configuration.mayVanish = random.below(4) != 0
        configuration.keyCount = [1, 2, 4, 12, 80][random.below(5)]
        configuration.keysCollide = random.below(2) == 0
        if configuration.mayVanish {
            configuration.megabytes = [1, 1, 2, 4, 8][random.below(5)]
            configuration.itemBytesMax = [1024, 5000, 100_000, configuration.megabytes << 19][random.below(4)]
        } else {
            configuration.itemBytesMax = [2000, 10_000, 300_000][random.below(3)]
        }
        let policies = EvictionPolicy.allCases.filter { $0.evicts || configuration.mayVanish }
        if random.below(2) == 0 { configuration.eviction = policies[random.below(policies.count)] }
        if random.below(3) == 0 { configuration.temporarySeconds = UInt32(1 + random.below(20)) }
        if isMemcachedMode {
            configuration.isMemcachedMode = true
            configuration.eviction = configuration.eviction.evicts ? .segmented : .none
        }
        self.configuration = configuration
        self.random = random
        favourites = (0..<4).map { _ in anyLength() }
    }

    mutating func step() -> Step {
        // What comes in between mostly concerns the same key.
        let key = min(random.below(configuration.keyCount), random.below(configuration.keyCount))
        let operation = operation(on: key, isOuter: true)
        var nested: [(Int, Operation)] = []
        if random.below(3) != 0 {
            for _ in 0...random.below(3) {
                let other = random.below(3) == 0 ? random.below(configuration.keyCount) : key
                nested.append((place(in: operation), self.operation(on: other, isOuter: false)))
            }
        }
        return Step(client: random.below(2), operation: operation, nested: nested)
    }

    /// The unlock at which something is nested.
    private mutating func place(in operation: Operation) -> Int {
        switch operation {
        case .flush: random.below(1100)
        case .maintain, .fill, .advanceMove: random.below(100)
        default: random.below(10) == 0 ? random.below(60) : random.below(6)
        }
    }

    private mutating func operation(on key: Int, isOuter: Bool) -> Operation {
        if configuration.mayVanish, random.below(10) == 0 { return pageMove() }
        switch random.below(isOuter ? 108 : 84) {
        case ..<26: return .store(key: key, content(), storeChoice())
        case ..<40: return .hold(key: key, holdChoice())
        case ..<43: return .vivify(key: key, lifetime(), explicit: explicit())
        case ..<50: return .delete(key: key, random.below(3) == 0 ? compare() : .none)
        case ..<56: return .invalidate(key: key, invalidateChoice())
        case ..<64: return .arithmetic(key: key, arithmeticChoice())
        case ..<68: return .reserve(slot: random.below(ModelRun.reservationSlots), key: key, content())
        case ..<70: return .receive(slot: random.below(ModelRun.reservationSlots), bytes: 1 + random.below(70_000))
        case ..<74: return .commit(slot: random.below(ModelRun.reservationSlots), storeChoice())
        case ..<75: return .abort(slot: random.below(ModelRun.reservationSlots))
        case ..<79: return .release(lease: random.below(ModelRun.leaseSlots))
        case ..<80: return .flush
        case ..<81: return .flushLater(seconds: 1 + UInt32(random.below(4)))
        case ..<84: return .maintain()
        case ..<92: return .advance(seconds: UInt32(1 + random.below(3)))
        case ..<96: return .maintain(passes: 1 + random.below(5))
        case ..<99: return limit()
        default: return fill()
        }
    }

    /// Pages move where items may vanish only: those that nobody has hit do not go along.
    private mutating func pageMove() -> Operation {
        if random.below(3) == 0 { return .reassign(from: random.below(100), to: random.below(60)) }
        return .advanceMove(slices: 1 + random.below(random.below(4) == 0 ? 40 : 2))
    }

    private mutating func limit() -> Operation {
        if !configuration.mayVanish { return .setLimit(megabytes: 64 + random.below(64)) }
        let least = max(1, (configuration.itemBytesMax * 2 + (1 << 20) - 1) >> 20)
        return .setLimit(megabytes: least + random.below(max(1, 2 * configuration.megabytes - least)))
    }

    private mutating func fill() -> Operation {
        let length = content(wantsPattern: true).length
        let bytes = configuration.mayVanish ? configuration.megabytes << 20 : 1 << 18
        let count = 1 + random.below(max(1, min(300, bytes / (length + 40))))
        return .fill(first: random.below(300), count: count, length: length, random.below(3) == 0 ? lifetime() : .never)
    }

    // MARK: Choices

    private mutating func content(wantsPattern: Bool = false) -> Content {
        if !wantsPattern, random.below(5) == 0 {
            return .number([0, 7, 99, 12_345, 999_999_999, .max][random.below(6)])
        }
        let length = random.below(3) == 0 ? anyLength() : favourites[random.below(favourites.count)]
        return .pattern(random.below(Value.patternMax), length: length)
    }

    /// Everything that an item may have, and a little more.
    private mutating func anyLength() -> Int {
        let most = configuration.itemBytesMax - configuration.itemOverheadBytes
        let length =
            switch random.below(12) {
            case 0: 0
            case 1..<5: random.below(120)
            case 5..<7: random.below(1200)
            case 7: 4080 + random.below(40)
            case 8: 4097 + random.below(4000)
            case 9: [32_600, 32_768, 65_400, 65_536][random.below(4)] + random.below(200)
            case 10: most - random.below(20)
            default: random.below(min(most, 150_000))
            }
        return min(length, most, Value.lengthMax)
    }

    private mutating func lifetime() -> Lifetime {
        switch random.below(8) {
        case ..<3: .never
        case 3: .over
        default: .seconds(UInt32(1 + random.below(random.below(2) == 0 ? 4 : 40)))
        }
    }

    private mutating func compare() -> TokenChoice {
        switch random.below(9) {
        case ..<5: .last
        case ..<7: .older
        case 7: .noItem
        default: .exactly(UInt64(random.below(5000)))
        }
    }

    private mutating func explicit() -> UInt64? {
        if random.below(5) != 0 { return nil }
        return [1, 3, 1000, 100_000, 1 << 40, 1 << 63, .max][random.below(7)]
    }

    private mutating func flags() -> UInt32 {
        random.below(2) == 0 ? 0 : UInt32(truncatingIfNeeded: random.next())
    }

    private mutating func storeChoice() -> StoreChoice {
        var choice = StoreChoice()
        choice.mode = [.set, .set, .set, .set, .add, .replace, .append, .prepend][random.below(8)]
        choice.flags = flags()
        choice.lifetime = lifetime()
        if random.below(3) == 0 { choice.compare = compare() }
        choice.explicit = explicit()
        if choice.mode == .set || choice.mode == .replace, random.below(6) == 0 {
            choice.storesStale = true
            choice.compare = random.below(4) == 0 ? .last : .older
        }
        if choice.mode == .append || choice.mode == .prepend, random.below(3) == 0 { choice.vivify = lifetime() }
        if random.below(6) == 0 { choice.pieceBytes = 500 + random.below(40_000) }
        return choice
    }

    private mutating func holdChoice() -> HoldChoice {
        var choice = HoldChoice()
        choice.bump = random.below(4) != 0
        if random.below(3) == 0 { choice.touch = lifetime() }
        choice.givesWin = random.below(5) == 0
        if random.below(2) == 0 { choice.lease = random.below(ModelRun.leaseSlots) }
        return choice
    }

    private mutating func invalidateChoice() -> InvalidateChoice {
        var choice = InvalidateChoice()
        if random.below(3) == 0 { choice.compare = compare() }
        choice.explicit = explicit()
        choice.marksStale = random.below(3) != 0
        choice.dropsValue = random.below(3) == 0
        if random.below(3) == 0 { choice.flags = 9 }
        if random.below(3) == 0 { choice.touch = lifetime() }
        return choice
    }

    private mutating func arithmeticChoice() -> ArithmeticChoice {
        var choice = ArithmeticChoice()
        choice.delta = [0, 1, 5, 90, 1_000_000_000_000, .max][random.below(6)]
        choice.isDecrement = random.below(3) == 0
        if random.below(4) == 0 { choice.compare = compare() }
        choice.explicit = explicit()
        if random.below(3) == 0 { choice.touch = lifetime() }
        if random.below(3) == 0 { choice.vivify = lifetime() }
        choice.seed = [0, 42, .max][random.below(3)]
        return choice
    }
}

extension Content {
    fileprivate var length: Int {
        if case .pattern(_, let length) = self { length } else { 20 }
    }
}
