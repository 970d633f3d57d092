import MartletStore

/// Connections whose turns a worker takes together, in steps, each for all of them before the next:
///
///     read      gather     carry out   send
///     A B C ->  A B C  ->  A B C   ->  A B C      instead of  A A A A  B B B B  C C C C
///
/// 1. Each step finds its code, the kernel's too, in the processor's first cache, where the one before it has not yet
///    driven it out. For requests one at a time that is a tenth of all they cost.
/// 2. What a connection's requests will touch is brought while the next connections are read, so that hardly anything
///    waits for memory (StoreSession+Batch.swift). For pipelines that is most of what the store costs.
/// 3. A group ends when it has enough requests or input: what has been brought should still be there when it is needed.
/// 4. Only whoever would read commands in clear text and has nothing kept gets in, unless his last reply was a large
///    one: that would drive out what has been brought for others. Everybody else's turn is his own (`mayTurnTogether`).
/// 5. A turn's replies wait for those of the group if they are few. Any other turn ends by itself, as it would alone;
///    what waits is sent before that, so that nobody waits for a large one.
/// 6. Requests are carried out in the order in which the connections were due, each connection's as one piece, as they
///    would be in turns of their own.
///
/// A worker's, and used on its thread only.
struct TurnGroup: ~Copyable {
    struct Member: BitwiseCopyable {
        /// None if it was closed meanwhile.
        var connection: UnsafeMutablePointer<Connection>?
        let input: UnsafeMutableRawBufferPointer
        let gathered: GatheredBatch
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
        requests = OwnLines.allocate(BatchedRequest.self, count: Limits.groupRequestsFull + Limits.batchCountMax)
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
        _ gathered: GatheredBatch
    ) {
        (members + count).initialize(to: Member(connection: connection, input: input, gathered: gathered))
        count &+= 1
        // Behind the batch may lie a command whose value has not all arrived.
        requestCount &+= gathered.batch.count &+ (gathered.batch.end == .insideValue ? 1 : 0)
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

extension UnsafeMutablePointer where Pointee == Worker {
    /// Takes turns of those who are first in the ready list together, `turnsMax` at most. Returns how many; none if the
    /// first two may not.
    @inline(never)
    func takeTurnsTogether(most turnsMax: Int) -> Int {
        guard turnsMax > 1, let first = pointee.readyHead, first.mayTurnTogether,
            let second = first.pointee.nextReady, second.mayTurnTogether
        else { return 0 }
        let taken = readTogether(turnsMax)
        prefetchRests(0)
        for index in 0..<pointee.group.count {
            prefetchRests(index + 1)
            if let meter = pointee.meter { runMetered(index, meter) } else { run(index) }
        }
        sendWaiting(before: pointee.group.count)
        pointee.output.pointee.takeBack()
        pointee.group.removeAll()
        return taken
    }

    // MARK: Reading

    /// Reads and gathers until the group is full. Returns the turns that have begun; those that found nothing to read
    /// are over.
    private func readTogether(_ turnsMax: Int) -> Int {
        let countMax = min(pointee.commandsPerTurn, Limits.batchCountMax)
        var taken = 0
        while taken < turnsMax, !pointee.group.isFull, let connection = pointee.readyHead, connection.mayTurnTogether {
            _ = popReady()
            taken &+= 1
            let place = pointee.readBuffer + pointee.group.inputBytes
            guard let count = connection.receiveTogether(at: place) else { continue }
            let requests = pointee.group.requests + pointee.group.requestCount
            let batch = pointee.executor.gatherBatch(
                UnsafeRawBufferPointer(start: place, count: count), from: 0, countMax: countMax, scannedCount: 0,
                into: requests)
            prefetch(afterReading: pointee.group.count)
            pointee.group.append(
                connection, UnsafeMutableRawBufferPointer(start: place, count: count),
                GatheredBatch(requests: requests, batch: batch))
        }
        let count = pointee.group.count
        for step in count...count + 1 { prefetch(afterReading: step) }
        return taken
    }

    /// Brings the buckets of the member before `index`, and the beginnings of the items of the one before that: a read
    /// lies between the two.
    @inline(__always)
    private func prefetch(afterReading index: Int) {
        let count = pointee.group.count
        let session = pointee.executor.session
        let stride = MemoryLayout<BatchedRequest>.stride
        if index >= 1, index <= count {
            let place = gathered(index - 1)
            session.prefetchBuckets(hashes: place.hashes, stride: stride, count: place.count, at: place.first)
        }
        if index >= 2, index <= count + 1 {
            let place = gathered(index - 2)
            session.prefetchHeads(hashes: place.hashes, stride: stride, count: place.count, at: place.first)
        }
    }

    /// Brings the rest of a member's items, which may be more than the first cache holds for all members: one turn
    /// ahead.
    @inline(__always)
    private func prefetchRests(_ index: Int) {
        if index >= pointee.group.count { return }
        let place = gathered(index)
        pointee.executor.session.prefetchRests(count: place.count, at: place.first)
    }

    @inline(__always)
    private func gathered(_ index: Int) -> (hashes: UnsafeRawPointer, count: Int, first: Int) {
        let gathered = pointee.group.members[index].gathered
        return (gathered.requests.hashes, gathered.batch.count, gathered.requests - pointee.group.requests)
    }

    // MARK: Carrying out

    /// Carries out a member's requests. Its reply waits if it is small and nothing else is left of the turn.
    private func run(_ index: Int) {
        let member = pointee.group.members + index
        guard let connection = member.pointee.connection else { return }
        let (input, gathered) = (member.pointee.input, member.pointee.gathered)
        let step = connection.runMachine(input, gathered)
        if step.disposition == .wantsInput, step.consumedBytes == input.count,
            connection.pointee.machine.isBetweenCommands, pointee.output.pointee.maySetAside,
            !pointee.executor.pointee.isWatched
        {
            member.pointee.reply = pointee.output.pointee.setAside()
            return
        }
        sendWaiting(before: index)
        // Room for what those have not taken may have cost this one its connection.
        if member.pointee.connection == nil { return pointee.output.pointee.removeAll() }
        connection.endTurn(input, step)
    }

    @inline(never)
    private func runMetered(_ index: Int, _ meter: UnsafeMutablePointer<TurnMeter>) {
        let member = pointee.group.members[index]
        guard let connection = member.connection else { return }
        let first = member.gathered.batch.count > 0 ? member.gathered.requests : nil
        takeMetered(connection.pointee.peer, meter, first: first) { run(index) }
    }

    // MARK: Sending

    /// Sends what waits of the first `count` members.
    private func sendWaiting(before count: Int) {
        while pointee.group.sentCount < count {
            let member = pointee.group.members + pointee.group.sentCount
            pointee.group.sentCount &+= 1
            if let reply = member.pointee.reply, let connection = member.pointee.connection {
                connection.sendAside(reply)
            }
        }
    }
}
