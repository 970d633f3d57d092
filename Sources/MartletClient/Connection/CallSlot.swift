import NIOCore

/// Where an answer goes.
enum Completion: Sendable {
    case one(CheckedContinuation<CallOutcome, Never>)
    /// One of several parts, by its place among them: what has been answered, of so many.
    case part(BatchCollector, Int, answers: [CallOutcome] = [], count: Int)
    /// Nobody's call: a question whether the server is there.
    case probe(@Sendable (CallOutcome) -> Void)

    /// Ends a call that has but one answer, and a part with the same one for all that has none.
    func callAsFunction(_ outcome: CallOutcome) {
        switch self {
        case .one(let continuation): continuation.resume(returning: outcome)
        case .part(let collector, let place, var answers, let count):
            if answers.count < count { answers += Array(repeating: outcome, count: count - answers.count) }
            collector.complete(place, answers)
        case .probe(let answered): answered(outcome)
        }
    }
}

/// A call on its way, or several that go together.
struct CallSlot: Sendable {
    /// Unique in the process: by it a call is cancelled.
    let identity: UInt64
    /// When the caller gives up.
    let deadline: NIODeadline
    /// nil once it was answered, cancelled or given up: the slot stays as a gravestone until its reply has come.
    var completion: Completion?
    /// Of a single call; nil once it was sent.
    var request: CacheRequest?
    /// Of a single call, once it was sent.
    var expected: ExpectedReply?
    /// Of several that go together.
    var batch: CallBatch?

    /// How many requests it stands for. Said to change the slot, as `match` does: what only reads one in a queue gets a
    /// copy of the whole.
    var count: Int {
        mutating get { batch?.count ?? 1 }
    }

    /// Of the values that it would send, as long as it has not.
    var valueBytes: Int {
        mutating get { batch?.valueBytes ?? request?.valueBytes ?? 0 }
    }

    /// What a reply means for the first of its requests that has none.
    mutating func match(_ reply: ReceivedReply) -> ReplyMatch {
        guard let batch else { return expected?.match(reply) ?? .violation("a reply to what was not asked") }
        if let what = batch.receive(reply) { return .violation(what) }
        return batch.isWhole ? .outcome(CallSlot.answered) : .more
    }

    /// Behind `match`, of a gravestone: what gives back that which it has won.
    mutating func takeRelease(_ match: ReplyMatch) -> CacheRequest? {
        guard completion == nil else { return nil }
        if let batch { return batch.takeRelease() }
        guard case .outcome(let outcome) = match else { return nil }
        return expected?.release(outcome)
    }

    /// The outcome of a batch that has all of its answers; nobody sees it.
    static let answered = CallOutcome.success(CacheReply(.done))

    /// Takes the caller out, with what has been answered.
    mutating func takeCompletion() -> Completion? {
        guard let completion = completion.take() else { return nil }
        guard let batch, case .part(let collector, let place, _, let count) = completion else { return completion }
        return .part(collector, place, answers: batch.takeOutcomes(), count: count)
    }
}
