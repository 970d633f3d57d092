import MartletStore

/// Connections whose turns a worker takes together, in steps, each for all of them before the next:
///
///     read      gather     carry out   send
///     A B C ->  A B C  ->  A B C   ->  A B C      instead of  A A A A  B B B B  C C C C
///
/// 1. Each step finds its code, the kernel's too, in the processor's first cache, where the one before it has not yet
///    driven it out. For requests one at a time that is a tenth of all they cost.
/// 2. What a connection's requests will touch is brought while the next connections are read, so that bringing it is
///    not waited for (StoreSession+Batch.swift). With the first, that is a twentieth or more of what pipelined gets
///    cost.
/// 3. A group ends when it has enough requests or input: what has been brought should still be there when it is needed.
/// 4. Only whoever would read commands of the text protocol, without TLS, and has nothing kept gets in, unless his last
///    reply was a large one: that would drive out what has been brought for others. Everybody else's turn is his own
///    (`mayTurnTogether`).
/// 5. A turn's replies wait for those of the group if they are small. Any other turn ends by itself, as it would alone.
///    What waits is sent before a turn with much input, and before a large reply is.
/// 6. Requests are carried out in the order in which the connections were due, each connection's as one piece, as they
///    would be in turns of their own.
///
/// A worker's, and used on its thread only.
struct TurnGroup: ~Copyable {
    struct Member: BitwiseCopyable {
        /// None once it is closed; nothing of it waits then.
        var connection: UnsafeMutablePointer<Connection>?
        let input: UnsafeMutableRawBufferPointer
        let batch: RequestBatch
        /// What has been brought for it.
        var prefetched = StoreSession.Prefetched()
        /// What waits to be sent.
        var reply: UnsafeRawBufferPointer?
    }

    let members: UnsafeMutablePointer<Member>
    /// Where the members' requests are gathered, one batch behind the other: a full batch may come last.
    let requests: UnsafeMutablePointer<BatchedRequest>
    var count = 0
    /// Replies of members before this one do not wait any more.
    var sentCount = 0
    var requestCount = 0
    var inputBytes = 0

    init() {
        members = OwnLines.allocate(Member.self, count: Limits.groupTurnsMax)
        requests = OwnLines.allocate(BatchedRequest.self, count: StoreSession.prefetchCountMax)
    }

    deinit {
        members.deallocate()
        requests.deallocate()
    }

    var isFull: Bool {
        count == Limits.groupTurnsMax || requestCount >= Limits.groupRequestsFull
            || inputBytes >= Limits.groupInputBytesFull
    }

    /// Forgets a connection that is being closed.
    mutating func remove(_ connection: UnsafeMutablePointer<Connection>) {
        for index in 0..<count where members[index].connection == connection { members[index].connection = nil }
    }

    mutating func append(
        _ connection: UnsafeMutablePointer<Connection>, _ input: UnsafeMutableRawBufferPointer,
        _ batch: RequestBatch
    ) {
        (members + count).initialize(to: Member(connection: connection, input: input, batch: batch))
        count &+= 1
        // Behind the batch may lie what of a command has arrived.
        requestCount &+= batch.count &+ (batch.end == .open || batch.end == .exhausted ? 0 : 1)
        // Of its own lines, as everything that the system writes while others are read.
        inputBytes &+= (input.count &+ 63) & ~63
    }

    mutating func removeAll() {
        count = 0
        sentCount = 0
        requestCount = 0
        inputBytes = 0
    }
}
