import NIOCore

/// Requests that go to one server one behind the other, and whose answers one caller waits for: one place in the queue,
/// one lock and one wake-up for all of them.
///
/// Rules:
/// 1. Answers come in the order of the requests, so that what has come is the beginning.
/// 2. Who gives up gets what has come; the replies that are still out are dropped, one by one, and what they have won is
///    given back.
///
/// Used by one thread at a time: by its lane, which holds its lock meanwhile.
final class CallBatch: @unchecked Sendable {
    // Safe: the progress is used with the lane's lock held, and by nobody before the batch is in a queue.

    /// In one piece, so that the runtime checks who uses it once for each reply.
    private var progress: BatchProgress
    let count: Int
    /// Of all values that are to be stored.
    let valueBytes: Int

    /// - Parameter places: Of the requests that are the batch's, in their order; one at least.
    init(_ requests: [CacheRequest], places: [Int]) {
        progress = BatchProgress(requests: requests, places: places)
        count = places.count
        valueBytes = places.reduce(0) { $0 + requests[$1].valueBytes }
    }

    /// Encodes all requests, with numbers from `number` on.
    func send(_ dialect: Dialect, number: UInt32, into pieces: inout OutgoingPieces) {
        progress.send(dialect, number: number, into: &pieces)
    }

    /// Everything has been answered.
    var isWhole: Bool { progress.isWhole }

    /// Takes a reply for the first request that has none; what is wrong with it, if anything is.
    func receive(_ reply: ReceivedReply) -> String? { progress.receive(reply) }

    /// What gives back that which the last reply has won for nobody.
    func takeRelease() -> CacheRequest? { progress.release.take() }

    /// What has come so far; everything else is dropped.
    func takeOutcomes() -> [CallOutcome] { progress.takeOutcomes() }
}

/// How far a batch has come.
private struct BatchProgress {
    /// Also those of other batches; `places` are ours. So no request is copied.
    let requests: [CacheRequest]
    let places: [Int]
    private var dialect = Dialect.meta
    private var firstNumber: UInt32 = 0
    /// How many replies have come.
    private var repliedCount = 0
    private var outcomes: [CallOutcome] = []
    /// Requests that the dialect has no words for, by their places: they were not sent.
    private var unsaid: [Int: CacheError] = [:]
    /// A classic retrieval's value, which an `END` has still to follow.
    private var value: CacheReply?
    private var isGivenUp = false
    /// Rule 2, for the last reply.
    var release: CacheRequest?

    init(requests: [CacheRequest], places: [Int]) {
        self.requests = requests
        self.places = places
    }

    // MARK: Sending

    mutating func send(_ dialect: Dialect, number: UInt32, into pieces: inout OutgoingPieces) {
        self.dialect = dialect
        firstNumber = number
        outcomes.reserveCapacity(places.count)
        for index in places.indices {
            do throws(CacheError) {
                let number = number &+ UInt32(truncatingIfNeeded: index)
                try RequestEncoder.encode(requests[places[index]], number: number, dialect: dialect, into: &pieces)
            } catch {
                unsaid[index] = error
            }
        }
        passUnsaid()
    }

    /// Requests that were not sent have their answers.
    private mutating func passUnsaid() {
        while !unsaid.isEmpty, let error = unsaid.removeValue(forKey: repliedCount) { add(.failure(error)) }
    }

    private mutating func add(_ outcome: consuming CallOutcome) {
        repliedCount += 1
        if !isGivenUp { outcomes.append(outcome) }
    }

    // MARK: Answers

    var isWhole: Bool { repliedCount == places.count }

    mutating func receive(_ reply: ReceivedReply) -> String? {
        guard repliedCount < places.count else { return "a reply that nothing had asked for" }
        let place = places[repliedCount]
        var expected = ExpectedReply(
            to: requests[place], dialect: dialect, number: firstNumber &+ UInt32(truncatingIfNeeded: repliedCount),
            value: value.take())
        switch expected.match(reply) {
        case .violation(let what): return what
        case .more: value = expected.value
        case .outcome(let outcome):
            if isGivenUp { release = expected.release(outcome) }
            add(outcome)
            passUnsaid()
        }
        return nil
    }

    mutating func takeOutcomes() -> [CallOutcome] {
        isGivenUp = true
        defer { outcomes = [] }
        return outcomes
    }
}
