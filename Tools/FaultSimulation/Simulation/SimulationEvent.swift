import StoreTesting

/// One thing that happens in a simulation. With its own seed, so that it stays the same when others are left out.
package struct SimulationEvent: Equatable, CustomStringConvertible {
    package enum Kind: String, CaseIterable, Sendable {
        /// A client makes commands; sends some of its bytes; reads what has come.
        case ask, send, read
        /// Its connection breaks: closed in order, or torn.
        case close, reset
        /// A turn of the listener; a round of a worker.
        case accept, round
        /// Time passes; the clients' clocks are set anew, forwards or backwards; the maintainer makes a pass; everything
        /// is flushed; the memory limit changes.
        case advance, step, maintain, flush, limit
    }

    package var kind: Kind
    /// Of the client or the worker.
    package var number: Int
    package var seed: UInt64

    package init(kind: Kind, number: Int, seed: UInt64) {
        (self.kind, self.number, self.seed) = (kind, number, seed)
    }

    package var description: String { "\(kind.rawValue) \(number) \(String(seed, radix: 16))" }

    /// Reads what `description` writes.
    package init?(_ text: some StringProtocol) {
        let words = text.split(separator: " ")
        guard words.count == 3, let kind = Kind(rawValue: String(words[0])), let number = Int(words[1]), number >= 0,
            let seed = UInt64(words[2], radix: 16)
        else { return nil }
        self.init(kind: kind, number: number, seed: seed)
    }

    /// What happens `count` times under a seed.
    package static func script(_ settings: SimulationSettings, count: Int) -> [SimulationEvent] {
        var random = SplitMix(seed: settings.seed)
        return (0..<count).map { _ in
            let kind: Kind =
                switch random.below(2000) {
                case ..<490: .ask
                case ..<940: .send
                case ..<1460: .round
                case ..<1510: .accept
                case ..<1955: .read
                case ..<1960: .step
                case ..<1970: .reset
                case ..<1976: .close
                case ..<1984: .advance
                case ..<1996: .maintain
                case ..<1997: .flush
                default: .limit
                }
            let bound = kind == .round ? settings.workerCount : settings.clientCount
            return SimulationEvent(kind: kind, number: random.below(bound), seed: random.next())
        }
    }
}

/// The server of a simulation, and who uses it: all drawn from the seed.
package struct SimulationSettings: Equatable, Sendable {
    package let seed: UInt64
    package let workerCount = 2
    package let clientCount = 12
    let memoryMegabytes: Int
    let evicts: Bool
    let isMemcachedMode: Bool
    let idleSeconds: Int
    let bufferBytesMax: Int
    /// One in so many calls falls short.
    let faultShare: Int
    /// One in so many allocations fails; 0 for none.
    let allocationFaultShare: Int
    /// Clients have so many keys that the table grows, and store more than there is room for. A fourth of the seeds.
    let isDense: Bool
    /// There is room for fewer connections than there are clients; a fourth of the seeds. In half of those accepting
    /// pauses, in place of telling them.
    let isCrowded: Bool
    let pausesOverLimit: Bool
    /// Clients have to log in, and speak text; an eighth of the seeds.
    let demandsLogin: Bool

    static let connectionsMax = 8
    static let itemBytesMax = 256 << 10

    package init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix(seed: seed ^ 0x5eed)
        isDense = seed % 4 == 3
        isCrowded = seed % 4 == 1
        pausesOverLimit = seed % 8 == 5
        demandsLogin = seed % 8 == 4
        let megabytes = [4, 6, 16][random.below(3)]
        memoryMegabytes = isDense ? 4 : megabytes
        evicts = random.below(4) > 0 || isDense
        isMemcachedMode = evicts && random.below(5) == 0 && !isDense
        idleSeconds = random.below(3) == 0 ? 30 : 0
        bufferBytesMax = [0, 1 << 20, 256 << 10][random.below(3)]
        faultShare = [2, 4, 16][random.below(3)]
        allocationFaultShare = [0, 4, 30][random.below(3)]
    }
}
