import Glibc
import MartletProtocol
import MartletStore
import Synchronization

// Measurement: what a worker notes of its own work, for operators. There is none of it without `--admin`.
//
// 1. The clock is read at the beginning and the end of a round: 25 ns each, where the system calls of one request take
//    5 us, and a round of a busy worker has many.
// 2. Of a busy worker's turns one in `sampledTurns` is looked into: the commands of each kind in it, and with
//    `--top-keys` their keys. So most requests pay nothing for being counted, and a share of them, counted for so many
//    more, is as good as all for a distribution. While there are few, all are looked into; the admin thread sees to
//    that once a second.
// 3. A request's latency is that of its turn, from the beginning of the round: reading, the commands in front of it,
//    those of other connections that were due at the same time, its own and the sending; for turns that are taken
//    together, until the last of them is sent. What it waited in the socket before the worker woke up, nobody can know.
// 4. Each turn that took longer than `--slow-request` is told of, sampled or not. For that the coarse clock is read
//    after each turn: 5 ns, and true to the system's tick, 4 or 10 ms; the fine one if the bound is under 10 ms. Of
//    turns taken together the first one has all the reading, and the last one the sending of what has waited.
//
// Threads: `TurnCounts` are written by their worker and read by the admin thread; the meter itself is the worker's.

/// What a worker needs to measure its turns. Its thread only.
struct TurnMeter: ~Copyable {
    static let sampledTurns = 64

    let counts: UnsafeMutablePointer<TurnCounts>
    let keepsKeys: Bool
    private let slowNanoseconds: UInt64
    private let slowClock: clockid_t
    private var turnStart: UInt64 = 0
    private var roundStart: UInt64 = 0
    private var turnsUntilSample = 1
    /// How many turns one that is looked into stands for, in this round.
    private var weight = 1
    /// Turns have been looked into, and are not over.
    private var isSampling = false
    /// Their commands.
    private var kinds = InlineArray<10, Int>(repeating: 0)

    init(counts: UnsafeMutablePointer<TurnCounts>, settings: ServerSettings) {
        self.counts = counts
        keepsKeys = settings.samplesKeys
        slowNanoseconds = UInt64(settings.slowRequestMilliseconds) * 1_000_000
        slowClock = settings.slowRequestMilliseconds < 10 ? CLOCK_MONOTONIC : CLOCK_MONOTONIC_COARSE
    }

    mutating func beginRound() {
        roundStart = TurnCounts.now
        turnStart = TurnCounts.now(slowClock)
        weight = counts.pointee.stride.load(ordering: .relaxed)
        counts.pointee.roundStart.store(roundStart, ordering: .relaxed)
    }

    /// Whether the turn is to be looked into.
    mutating func beginTurn() -> Bool {
        turnsUntilSample &-= 1
        if turnsUntilSample > 0 { return false }
        isSampling = true
        turnsUntilSample = weight
        return true
    }

    /// A command of the turn that is being looked into.
    mutating func count(_ kind: CommandKind) { kinds[Int(kind.rawValue)] &+= 1 }

    /// Returns the nanoseconds of the turn if it was slow.
    mutating func endTurn() -> UInt64? {
        let now = TurnCounts.now(slowClock)
        let duration = now &- turnStart
        turnStart = now
        counts.pointee.turns.increment()
        return _slowPath(duration >= slowNanoseconds) ? duration : nil
    }

    /// The turns that were looked into are over.
    mutating func settleSample() {
        if _fastPath(!isSampling) { return }
        let latency = TurnCounts.now &- roundStart
        isSampling = false
        for index in 0..<CommandKind.count where kinds[index] > 0 {
            counts.pointee.latencies[index].add(kinds[index] &* weight, nanoseconds: latency)
            kinds[index] = 0
        }
    }

    mutating func endRound() {
        counts.pointee.busyNanoseconds.add(Int(truncatingIfNeeded: TurnCounts.now &- roundStart))
        counts.pointee.rounds.increment()
        counts.pointee.roundStart.store(0, ordering: .relaxed)
    }
}
