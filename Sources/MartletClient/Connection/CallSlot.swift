import NIOCore

/// Where an answer goes.
enum Completion: Sendable {
    case one(CheckedContinuation<CallOutcome, Never>)
    /// One of several, by its place among them.
    case part(BatchCollector, Int)
    /// Nobody's call: a question whether the server is there.
    case probe(@Sendable (CallOutcome) -> Void)

    func callAsFunction(_ outcome: CallOutcome) {
        switch self {
        case .one(let continuation): continuation.resume(returning: outcome)
        case .part(let collector, let place): collector.complete(place, outcome)
        case .probe(let answered): answered(outcome)
        }
    }
}

/// A call on its way.
struct CallSlot: Sendable {
    /// Unique in the process: by it a call is cancelled.
    let identity: UInt64
    /// When the caller gives up.
    let deadline: NIODeadline
    /// nil once it was answered, cancelled or given up: the slot stays as a gravestone until its reply has come.
    var completion: Completion?
    /// nil once it was sent.
    var request: CacheRequest?
    /// Set once it was sent.
    var expected: ExpectedReply?
}
