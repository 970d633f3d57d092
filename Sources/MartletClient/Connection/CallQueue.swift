import NIOCore

/// The calls of one connection in the order of their requests: those that are in flight, and those that wait to be
/// sent.
///
///     in flight                        waiting
///      | answered next | ... | last     | sent next | ... | last
///
/// Rules:
/// 1. A call leaves when its reply has come, and no sooner: a cancelled or late one leaves a gravestone behind, whose
///    reply is dropped. No other call on the connection notices.
/// 2. A late or cancelled call that was not sent yet is not sent at all, and leaves nothing behind. Cancellations are
///    carried out together, at the latest before anything is sent (`Lane.cancel`).
/// 3. Calls beyond `inFlightMax` wait; calls beyond `waitingMax` are refused, and those whose values do not fit into
///    `waitingBytesMax` together with what waits. A value that is larger than that by itself waits alone.
/// 4. A connection that is stuck, as `Hearing` has it, is given up.
/// 5. Late is not silent: a late call says something of the server only where the connection is silent.
/// 6. A dropped reply may say that the caller is to recache something. Nobody will: another request, which is sent like
///    any other, gives that back, so that somebody else is told to.
///
/// A value without locks or I/O; its owner holds a lock around every operation and completes calls outside of it.
struct CallQueue {
    private var inFlight = RingBuffer<CallSlot>()
    private var waiting = RingBuffer<CallSlot>()
    /// The requests in them, of which a slot may have several.
    private var inFlightCount = 0
    private var waitingCount = 0
    /// Of the values in it.
    private var waitingBytes = 0
    /// When `expire` has to be called next: no call's deadline is earlier.
    private(set) var firstDeadline: NIODeadline?
    private var nextNumber: UInt32 = 0
    /// Rule 6.
    private var releases: [CacheRequest] = []
    private var hearing = Hearing()
    private let inFlightMax: Int
    private let waitingMax: Int
    private let waitingBytesMax: Int
    /// Of values that are sent in one go: then the connection must have taken them before there are more.
    private static let sentBytesMax = 1 << 20

    init(inFlightMax: Int, waitingMax: Int, waitingBytesMax: Int) {
        self.inFlightMax = max(inFlightMax, 1)
        self.waitingMax = max(waitingMax, 1)
        self.waitingBytesMax = waitingBytesMax
    }

    var isEmpty: Bool { inFlight.isEmpty && waiting.isEmpty }
    /// Replies are awaited, be it for gravestones.
    var hasSent: Bool { !inFlight.isEmpty }
    /// Requests.
    var count: Int { inFlightCount + waitingCount }
    /// Calls whose callers still wait; looks at every one.
    var liveCount: Int {
        (0..<inFlight.count).count { inFlight[$0].completion != nil }
            + (0..<waiting.count).count { waiting[$0].completion != nil }
    }
    /// Something waits that could be sent.
    var canSend: Bool {
        mutating get {
            guard !waiting.isEmpty else { return false }
            let count = waiting[0].count
            return hasRoom(count)
        }
    }

    /// A batch larger than the room there ever is goes alone.
    private func hasRoom(_ count: Int) -> Bool { inFlightCount == 0 || inFlightCount + count <= inFlightMax }

    /// Puts a call at the end; false if too many wait already.
    mutating func append(_ slot: CallSlot, at now: @autoclosure () -> NIODeadline) -> Bool {
        var slot = slot
        if isEmpty { hearing.begin(at: now()) }
        let bytes = slot.valueBytes
        guard waitingCount + slot.count <= waitingMax,
            bytes == 0 || waitingBytes == 0 || bytes <= waitingBytesMax - waitingBytes
        else { return false }
        waiting.append(slot)
        waitingCount += slot.count
        waitingBytes += bytes
        firstDeadline = firstDeadline.map { min($0, slot.deadline) } ?? slot.deadline
        return true
    }

    // MARK: Sending

    /// Encodes as many requests as may be in flight and be sent in one go. Returns the calls that are over, because the
    /// dialect has no words for them.
    mutating func send(_ dialect: Dialect, into pieces: inout OutgoingPieces) -> [(Completion, CallOutcome)] {
        var refused: [(Completion, CallOutcome)] = []
        var sentBytes = 0
        while sentBytes < Self.sentBytesMax, canSend, var slot = waiting.popFirst() {
            waitingCount -= slot.count
            waitingBytes -= slot.valueBytes
            sentBytes += slot.valueBytes
            guard let completion = slot.completion else { continue }
            if let batch = slot.batch {
                batch.send(dialect, number: nextNumber &+ 1, into: &pieces)
                nextNumber &+= UInt32(truncatingIfNeeded: batch.count)
                if batch.isWhole {
                    if let completion = slot.takeCompletion() { refused.append((completion, CallSlot.answered)) }
                    continue
                }
            } else if let request = slot.request.take() {
                nextNumber &+= 1
                do throws(CacheError) {
                    try RequestEncoder.encode(request, number: nextNumber, dialect: dialect, into: &pieces)
                } catch {
                    refused.append((completion, .failure(error)))
                    continue
                }
                slot.expected = ExpectedReply(to: request, dialect: dialect, number: nextNumber)
            }
            inFlightCount += slot.count
            inFlight.append(slot)
        }
        return refused
    }

    // MARK: Answers

    enum Receipt {
        /// The call it was for, nil if that was given up.
        case accepted((Completion, CallOutcome)?)
        /// A part of what a call waits for.
        case partial
        case violation(String)
    }

    /// When something last came.
    var heardAt: NIODeadline { hearing.heardAt }

    /// Something has come, if only a part of a reply.
    mutating func hear(at now: NIODeadline, isReply: Bool) { hearing.hear(at: now, isReply: isReply) }

    /// Takes a reply for the head of the line.
    mutating func receive(_ reply: ReceivedReply) -> Receipt {
        guard !inFlight.isEmpty else { return .violation("a reply that nothing had asked for") }
        let match = inFlight[0].match(reply)
        if let release = inFlight[0].takeRelease(match) { releases.append(release) }
        switch match {
        case .more: return .partial
        case .violation(let what): return .violation(what)
        case .outcome(let outcome):
            guard var slot = inFlight.popFirst() else { return .accepted(nil) }
            inFlightCount -= slot.count
            return .accepted(slot.takeCompletion().map { ($0, outcome) })
        }
    }

    /// Puts at the end what rule 6 has to be sent, as nobody's calls; what finds no room is left out, and the claim ends
    /// with its time.
    mutating func appendReleases(at time: @autoclosure () -> NIODeadline, patience: TimeAmount) {
        guard !releases.isEmpty else { return }
        let now = time()
        for request in releases {
            _ = append(
                CallSlot(
                    identity: CallIdentity.next(), deadline: now + patience, completion: .probe { _ in },
                    request: request), at: now)
        }
        releases = []
    }

    // MARK: Giving up

    /// Takes the calls with these identities out; the slots of those that were sent become gravestones. Looks at every
    /// call once, however many are named.
    mutating func cancel(_ identities: Set<UInt64>) -> [Completion] {
        Self.takeOut(&inFlight) { identities.contains($0.identity) }
            + takeOutWaiting { identities.contains($0.identity) }
    }

    struct Expiry {
        var expired: [Completion] = []
        /// When to look again; nil if nobody waits.
        var next: NIODeadline?
        /// Rule 4.
        var isStuck = false
        /// Rule 5.
        var isSilent = false
    }

    /// Takes out the calls whose time is over. `patience` is the time that a call may usually take.
    mutating func expire(at now: NIODeadline, patience: TimeAmount) -> Expiry {
        var expiry = Expiry()
        var next = NIODeadline.distantFuture
        let isLate: (CallSlot) -> Bool = { slot in
            guard slot.deadline > now else { return true }
            next = min(next, slot.deadline)
            return false
        }
        expiry.expired = Self.takeOut(&inFlight, isLate) + takeOutWaiting(isLate)
        if !inFlight.isEmpty {
            let limit = hearing.stuckAt(next: inFlight[0].deadline, patience: patience)
            expiry.isStuck = limit <= now
            next = min(next, limit)
        }
        expiry.isSilent = hearing.isSilent(at: now, patience: patience)
        expiry.next = next == .distantFuture ? nil : next
        firstDeadline = expiry.next
        return expiry
    }

    private static func takeOut(
        _ slots: inout RingBuffer<CallSlot>, _ isWanted: (CallSlot) -> Bool
    ) -> [Completion] {
        var taken: [Completion] = []
        for offset in 0..<slots.count where slots[offset].completion != nil && isWanted(slots[offset]) {
            if let completion = slots[offset].takeCompletion() { taken.append(completion) }
        }
        return taken
    }

    /// Rule 2.
    private mutating func takeOutWaiting(_ isWanted: (CallSlot) -> Bool) -> [Completion] {
        let taken = Self.takeOut(&waiting, isWanted)
        guard !taken.isEmpty else { return taken }
        // Once round: the others keep their order.
        for _ in 0..<waiting.count {
            guard var slot = waiting.popFirst() else { break }
            if slot.completion == nil {
                waitingCount -= slot.count
                waitingBytes -= slot.valueBytes
            } else {
                waiting.append(slot)
            }
        }
        return taken
    }

    /// The connection is gone. Takes out everything that was sent; what waits stays for the next connection.
    mutating func loseSent() -> [Completion] {
        var lost: [Completion] = []
        inFlightCount = 0
        while var slot = inFlight.popFirst() {
            if let completion = slot.takeCompletion() { lost.append(completion) }
        }
        return lost
    }

    /// Takes out everything.
    mutating func loseAll() -> [Completion] {
        var lost = loseSent()
        waitingCount = 0
        waitingBytes = 0
        while var slot = waiting.popFirst() {
            if let completion = slot.takeCompletion() { lost.append(completion) }
        }
        return lost
    }
}
