import MartletServer
import StoreTesting

/// A client with keys of its own: asks, and judges what comes back. It speaks text, or the binary protocol, as is drawn
/// for each of its connections.
///
/// 1. Commands are answered in order. What is wrong with an answer ends the run.
/// 2. A miss is right where items may be evicted, or where the item may have ended by then. Everything else is what the
///    commands before have left (`KeyBelief`), value, flags, token and life.
/// 3. A token that was seen for a value stays; one of a later value is greater.
struct SimulatedClient {
    static let keyCount = 24
    /// The first so many keys are counters.
    static let counterCount = 4
    /// Beyond those, of a simulation in which the table is to grow: many keys with nothing to them.
    static let denseKeyCount = 1000
    private static let unansweredMax = 300
    private static let outboxBytesMax = 512 << 10

    let facts: ServerFacts
    let keys: [[UInt8]]
    var beliefs: [KeyBelief]
    private(set) var unanswered: [SimulatedCommand] = []
    private var answeredCount = 0
    /// Of each key: how many of those not answered make of whatever it has something else. Each that is lost doubles what
    /// the key may have.
    private var changesWaiting: [UInt8]
    private static let changesWaitingMax = 4, possibilitiesMax = 32
    /// Commands before this place may have been carried out before a flush: what they left may be gone.
    private var flushedCount = 0
    /// Flushes of its own that are not answered; and whether one was, or was lost, of which the others do not know yet.
    private(set) var flushWaitingCount = 0
    private var hasFlushed = false
    /// Not sent yet.
    var outbox: [UInt8] = []
    var sentCount = 0
    private var text = ReplyText()
    /// On this connection; nil before the first command.
    private var speaksBinary: Bool?
    private var nextOpaque: UInt32 = 0
    /// Where a login is wanted: whether it was asked for on this connection, and answered; wrong tries before.
    private var hasAskedForLogin = false, hasLoggedIn = false
    private var wrongLoginCount = 0
    private(set) var loginCount = 0
    private(set) var commandCount = 0, binaryCommandCount = 0
    private(set) var hits = 0, misses = 0, refusals = 0
    private(set) var unixTimeCount = 0
    /// Dense keys stored so far, all rounds together.
    private var denseCount = 0

    /// The client's clocks when it asks.
    struct Clocks {
        /// The server's second, which it may know.
        var second: UInt32
        /// Its own time since 1970, which may have been set anew; and what the server's second 0 is in that of the
        /// server, who has looked at it once.
        var wall: Int64
        var wallOffset: Int64
    }

    /// What the judgement depends on.
    struct ServerFacts {
        var evicts: Bool
        var itemBytesMax: Int
        var isDense = false
        var demandsLogin = false
        /// Says what is asked and answered.
        var tells = false
    }

    init(number: Int, _ facts: ServerFacts) {
        self.facts = facts
        keys = (0..<Self.keyCount + (facts.isDense ? Self.denseKeyCount : 0)).map { index in
            if index >= Self.keyCount { return Array("\(number).\(index)".utf8) }
            let length = index % 7 == 6 ? 100 : index % 11 == 10 ? 250 : 0
            let name = Array("c\(number).\(index)".utf8)
            return name + [UInt8](repeating: 0x2e, count: max(0, length - name.count))
        }
        beliefs = keys.map { _ in KeyBelief() }
        changesWaiting = keys.map { _ in 0 }
    }

    var waitingCount: Int { unanswered.count - answeredCount }

    /// All is sent and answered.
    var isDone: Bool { waitingCount == 0 && sentCount == outbox.count }

    /// The server has let it in, as far as it knows.
    var isLetIn: Bool { hasLoggedIn || !facts.demandsLogin }

    /// Nothing that the store has, or may come to have, is unknown.
    var isQuiet: Bool { waitingCount == 0 }

    // MARK: Asking

    mutating func ask(_ seed: UInt64, _ clocks: Clocks) {
        guard waitingCount < Self.unansweredMax, outbox.count - sentCount < Self.outboxBytesMax else { return }
        var random = SplitMix(seed: seed)
        if sentCount == outbox.count {
            outbox.removeAll(keepingCapacity: true)
            sentCount = 0
        }
        if speaksBinary == nil { chooseDialect(&random) }
        if facts.demandsLogin, !hasAskedForLogin, !askLocked(&random, clocks) { return }
        for _ in 0...random.below(random.below(3) == 0 ? 40 : 8) {
            var command = command(&random)
            if command.seconds > 0, random.below(4) == 0 { setUnixTime(&command, clocks) }
            ask(command, clocks, &random)
        }
        if facts.isDense { askDense(&random, clocks) }
        // So that the last one is answered.
        if unanswered.last?.isQuiet == true { ask(SimulatedCommand(kind: .noop, key: 0), clocks, &random) }
    }

    /// The first byte of a connection decides.
    private mutating func chooseDialect(_ random: inout SplitMix) {
        speaksBinary = random.below(3) == 0 && !facts.demandsLogin
        nextOpaque = UInt32(truncatingIfNeeded: random.next())
    }

    /// What is asked before the login, and mostly that itself; returns whether there was one.
    private mutating func askLocked(_ random: inout SplitMix, _ clocks: Clocks) -> Bool {
        for _ in 0..<random.below(5) {
            var command = command(&random)
            // A slow hash takes as long as hundreds of commands.
            if wrongLoginCount < SimulatedLogin.wrongMax, random.below(12) == 0 {
                command = SimulatedCommand(kind: .wrongLogin, key: 0)
                command.form = random.below(SimulatedLogin.wrong.count)
                wrongLoginCount += 1
            }
            command.becomeLocked()
            ask(command, clocks, &random)
        }
        if random.below(4) == 0 { return false }
        var login = SimulatedCommand(kind: .login, key: 0)
        login.form = random.below(SimulatedLogin.right.count)
        login.becomeLocked()
        ask(login, clocks, &random)
        hasAskedForLogin = true
        return true
    }

    /// The life is asked for as a time by the client's clock. What that is to the server does not depend on when it
    /// hears of it.
    private mutating func setUnixTime(_ command: inout SimulatedCommand, _ clocks: Clocks) {
        command.unixTime = clocks.wall + Int64(command.seconds)
        let second = command.unixTime - clocks.wallOffset
        command.unixSecond = second <= Int64(ServerClock.firstSecond) ? 1 : UInt32(clamping: second)
        unixTimeCount += 1
    }

    /// Stores the next of the dense keys, small in one round and larger in the next, and looks at some.
    private mutating func askDense(_ random: inout SplitMix, _ clocks: Clocks) {
        for _ in 0..<random.below(160) {
            let isLarge = denseCount / Self.denseKeyCount % 2 == 1
            var command = SimulatedCommand(kind: .set, key: Self.keyCount + denseCount % Self.denseKeyCount)
            command.content = .pattern(random.below(4096), isLarge ? 600 + random.below(300) : random.below(40))
            command.isQuiet = true
            ask(command, clocks, &random)
            denseCount += 1
        }
        var look = SimulatedCommand(kind: .get, key: Self.keyCount + random.below(Self.denseKeyCount - 8))
        look.keyCount = 8
        ask(look, clocks, &random)
    }

    private mutating func ask(_ command: SimulatedCommand, _ clocks: Clocks, _ random: inout SplitMix) {
        var command = command
        command.second = clocks.second
        if command.changesWhatIsThere {
            if changesWaiting[command.key] < Self.changesWaitingMax,
                beliefs[command.key].items.count <= Self.possibilitiesMax
            {
                changesWaiting[command.key] += 1
            } else {
                command = SimulatedCommand(kind: .get, key: command.key)
                command.second = clocks.second
            }
        }
        if speaksBinary == true {
            command.becomeBinary(&random, tokenSeen: beliefs[command.key].tokenSeen, opaque: &nextOpaque)
            binaryCommandCount += 1
        }
        command.write(keys, into: &outbox)
        if command.flushes { flushWaitingCount += 1 }
        unanswered.append(command)
        commandCount += 1
    }

    private func command(_ random: inout SplitMix) -> SimulatedCommand {
        let draw = random.below(1000)
        var key = random.below(Self.keyCount)
        if draw < 380 {
            let kinds: [SimulatedCommand.Kind] = [.get, .get, .gets, .metaGet, .getAndTouch]
            var command = SimulatedCommand(kind: kinds[random.below(kinds.count)], key: key)
            if command.kind == .getAndTouch { command.seconds = seconds(&random) }
            if command.kind == .get { command.keyCount = 1 + random.below(min(8, Self.keyCount - key)) }
            return command
        }
        if draw < 800 { return store(key, &random) }
        if draw < 880 {
            key = random.below(Self.counterCount)
            let kinds: [SimulatedCommand.Kind] = [.increment, .decrement, .metaArithmetic]
            var command = SimulatedCommand(kind: kinds[random.below(3)], key: key)
            command.delta = [1, 7, 1000, 1 << 40][random.below(4)]
            command.isQuiet = command.kind == .increment && random.below(6) == 0
            if speaksBinary == true, random.below(3) > 0 {
                command.initial = [0, 10, .max, random.next() >> 32][random.below(4)]
                command.seconds = seconds(&random)
            }
            return command
        }
        if draw < 960 {
            let kinds: [SimulatedCommand.Kind] = [.delete, .metaDelete, .touch]
            var command = SimulatedCommand(kind: kinds[random.below(3)], key: key)
            if command.kind == .touch { command.seconds = seconds(&random) }
            command.isQuiet = command.kind == .delete && random.below(4) == 0
            return command
        }
        // Where the table is to grow, nothing would come of that.
        if random.below(120) == 0, !facts.isDense {
            var flush = SimulatedCommand(kind: .flush, key: key)
            flush.form = random.below(2)
            return flush
        }
        return SimulatedCommand(kind: random.below(2) == 0 ? .noop : .unknown, key: key)
    }

    private func store(_ key: Int, _ random: inout SplitMix) -> SimulatedCommand {
        let kinds: [SimulatedCommand.Kind] = [
            .set, .set, .set, .metaSet, .metaSet, .add, .replace, .append, .prepend, .compareAndSet,
        ]
        var command = SimulatedCommand(kind: kinds[random.below(kinds.count)], key: key)
        if key < Self.counterCount, command.kind == .append || command.kind == .prepend { command.kind = .set }
        if command.kind == .compareAndSet {
            command.token = beliefs[key].tokenSeen
            if command.token == 0 { command.kind = .add }
        }
        if random.below(3000) == 0 { command.kind = .tooLarge }
        command.flags = UInt32(random.below(5))
        command.seconds = seconds(&random)
        command.isQuiet = command.kind == .set && random.below(8) == 0
        if command.kind == .tooLarge {
            command.content = .pattern(random.below(1000), facts.itemBytesMax)
        } else if key < Self.counterCount {
            command.content = .counter(random.next() >> UInt64(random.below(64)), lengthMin: 1)
        } else {
            command.content = .pattern(random.below(4096), length(&random))
        }
        return command
    }

    private func seconds(_ random: inout SplitMix) -> UInt32 {
        random.below(3) > 0 ? 0 : UInt32(1 + random.below(random.below(2) == 0 ? 4 : 60))
    }

    private func length(_ random: inout SplitMix) -> Int {
        switch random.below(1000) {
        case ..<800: random.below(100)
        case ..<960: random.below(1500)
        case ..<992: random.below(20_000)
        case ..<999: random.below(min(100_000, facts.itemBytesMax - 1000))
        default: random.below(facts.itemBytesMax - 1000)
        }
    }

    // MARK: What comes back

    mutating func receive(_ bytes: [UInt8], now: UInt32, mayRefuse: Bool, mayBeFlushed: Bool) -> String? {
        text.append(bytes)
        while answeredCount < unanswered.count {
            let command = unanswered[answeredCount]
            if facts.tells { tell(command, now) }
            if command.isQuiet, command.opcode == nil {
                // Done once something behind it is answered.
                if text.isEmpty { return nil }
                takeQuiet(command, now: now)
            } else {
                var judge = ReplyJudge(
                    text: text, now: now, facts: facts, mayRefuse: mayRefuse, mayBeFlushed: mayBeFlushed)
                switch judge.judge(command, keys, &beliefs) {
                case .incomplete: return nil
                case .wrong(let reason):
                    let isBinary = command.opcode != nil
                    let excerpt = isBinary ? text.packetExcerpt(at: text.place) : text.excerpt(at: text.place)
                    return "\(command.kind) of key \(command.key): \(reason), at \(excerpt)"
                case .right(let end): text.move(to: end)
                }
                noteDone(command)
                hits += judge.hits
                misses += judge.misses
                refusals += judge.refusals
            }
            if answeredCount < flushedCount {
                for index in command.key..<command.key + command.keyCount { beliefs[index].mayBecome(nil) }
            }
            if command.changesWhatIsThere { changesWaiting[command.key] -= 1 }
            answeredCount += 1
        }
        forgetAnswered()
        return text.isEmpty ? nil : "an answer to nothing: \(text.excerpt(at: text.place))"
    }

    private mutating func noteDone(_ command: SimulatedCommand) {
        if command.kind == .login {
            hasLoggedIn = true
            loginCount += 1
        }
        guard command.flushes else { return }
        // What it stored before went with that.
        for index in beliefs.indices { beliefs[index].become(nil) }
        flushWaitingCount -= 1
        hasFlushed = true
    }

    private func tell(_ command: SimulatedCommand, _ now: UInt32) {
        var bytes: [UInt8] = []
        command.write(keys, into: &bytes)
        let isBinary = command.opcode != nil
        let line =
            isBinary ? command.packetText : String(decoding: bytes.prefix { $0 != 13 }.prefix(100), as: UTF8.self)
        let answer = isBinary ? text.packetExcerpt(at: text.place) : text.excerpt(at: text.place)
        let belief = beliefs[command.key]
        let known = belief.items.map { "\($0.content.length) B #\($0.token) until \($0.expiresBy)" }
        print("second \(command.second) to \(now): \(line) | \(known) or none \(belief.mayBeAbsent) | \(answer)")
    }

    /// Without an answer: done, or refused.
    private mutating func takeQuiet(_ command: SimulatedCommand, now: UInt32) {
        let before = beliefs[command.key]
        switch command.kind {
        case .delete: beliefs[command.key].become(nil)
        case .increment:
            beliefs[command.key].count(command, by: now)
            if !facts.evicts { for item in before.items { beliefs[command.key].mayBecome(item) } }
        default:
            beliefs[command.key].become(command.item(by: now))
            if !facts.evicts || command.content.length > 1000 {
                beliefs[command.key].mayBecome(nil)
                for item in before.items { beliefs[command.key].mayBecome(item) }
            }
        }
    }

    /// The connection has broken: what was not answered may have been carried out, or not; of a connection that was
    /// never `served`, nothing was.
    mutating func lose(now: UInt32, served: Bool = true) {
        for command in unanswered[answeredCount...] where served {
            for index in command.key..<command.key + command.keyCount {
                beliefs[index].mayHaveDone(command, by: now)
            }
        }
        if flushWaitingCount > 0, served {
            for index in beliefs.indices { beliefs[index].mayBecome(nil) }
            hasFlushed = true
        }
        flushWaitingCount = 0
        forgetAnswered()
        speaksBinary = nil
        (hasAskedForLogin, hasLoggedIn, wrongLoginCount) = (false, false, 0)
        outbox.removeAll(keepingCapacity: true)
        sentCount = 0
        text.clear()
    }

    private mutating func forgetAnswered() {
        unanswered.removeAll(keepingCapacity: true)
        answeredCount = 0
        flushedCount = 0
        for index in 0..<Self.keyCount { changesWaiting[index] = 0 }
    }

    /// Everything was flushed at this moment; or may have been, at one since somebody has asked for it.
    mutating func flush(isCertain: Bool = true) {
        flushedCount = unanswered.count
        for index in beliefs.indices {
            if isQuiet, isCertain { beliefs[index].become(nil) } else { beliefs[index].mayBecome(nil) }
        }
    }

    /// Whether a flush of its own may have come to pass since this was last asked.
    mutating func takeFlush() -> Bool {
        defer { hasFlushed = false }
        return hasFlushed
    }
}
