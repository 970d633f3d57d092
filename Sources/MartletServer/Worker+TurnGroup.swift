import MartletStore

/// What a worker does with connections that are due at once; `TurnGroup` says why.
extension UnsafeMutablePointer where Pointee == Worker {
    /// Takes turns of those who are first in the ready list together, `turnsMax` at most. Returns how many; none if the
    /// first two may not.
    @inline(never)
    func takeTurnsTogether(most turnsMax: Int) -> Int {
        guard turnsMax > 1, let first = pointee.readyHead, first.mayTurnTogether,
            let second = first.pointee.nextReady, second.mayTurnTogether
        else { return 0 }
        let taken = readTogether(turnsMax)
        let meter = pointee.meter
        prefetchRests(0)
        for index in 0..<pointee.group.count {
            prefetchRests(index + 1)
            if let meter { runMetered(index, meter) } else { run(index) }
        }
        sendWaiting(before: pointee.group.count)
        meter?.pointee.settleSample()
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
            guard let count = connection.receiveTogether(at: place) else {
                pointee.meter?.pointee.counts.pointee.turns.increment()
                continue
            }
            let requests = pointee.group.requests + pointee.group.requestCount
            let batch = pointee.executor.gatherBatch(
                UnsafeRawBufferPointer(start: place, count: count), from: 0, countMax: countMax, scannedCount: 0,
                into: requests)
            prefetch(afterReading: pointee.group.count)
            pointee.group.append(
                connection, UnsafeMutableRawBufferPointer(start: place, count: count), batch)
        }
        let count = pointee.group.count
        for step in count...count + 2 { prefetch(afterReading: step) }
        return taken
    }

    /// Brings the buckets of the member before `index`, the beginnings of the items of the one before that, and what
    /// second buckets name for the one before that again. A read lies between two steps, but for the last members.
    @inline(__always)
    private func prefetch(afterReading index: Int) {
        let count = pointee.group.count
        let session = pointee.executor.session
        let stride = MemoryLayout<BatchedRequest>.stride
        if index >= 1, index <= count {
            let batch = pointee.group.members[index - 1].batch
            session.prefetchBuckets(
                hashes: batch.requests.hashes, stride: stride, count: batch.count, at: firstIndex(of: batch))
        }
        if index >= 2, index <= count + 1 {
            let member = pointee.group.members + (index - 2)
            let batch = member.pointee.batch
            member.pointee.prefetched = session.prefetchHeads(
                hashes: batch.requests.hashes, stride: stride, count: batch.count, at: firstIndex(of: batch))
        }
        if index >= 3, index <= count + 2 {
            let member = pointee.group.members + (index - 3)
            session.prefetchOverflow(&member.pointee.prefetched, at: firstIndex(of: member.pointee.batch))
        }
    }

    /// Brings the rest of a member's items, which may be more than the first cache holds for all members: one turn
    /// ahead.
    @inline(__always)
    private func prefetchRests(_ index: Int) {
        if index >= pointee.group.count { return }
        let member = pointee.group.members[index]
        pointee.executor.session.prefetchRests(member.prefetched, at: firstIndex(of: member.batch))
    }

    /// The number of a batch's first request among all that are gathered.
    @inline(__always)
    private func firstIndex(of batch: RequestBatch) -> Int { batch.requests - pointee.group.requests }

    // MARK: Carrying out

    /// Carries out a member's requests. Its reply waits if it is small and nothing else is left of the turn.
    private func run(_ index: Int) {
        let member = pointee.group.members + index
        guard let connection = member.pointee.connection else { return }
        let (input, batch) = (member.pointee.input, member.pointee.batch)
        if batch.end != .exhausted || input.count > Limits.groupedInputBytesMax { sendWaiting(before: index) }
        connection.tellWhoGoesFirst()
        let step = connection.runMachine(input, batch)
        if step.disposition == .wantsInput, step.consumedBytes == input.count,
            connection.pointee.machine.isBetweenCommands, pointee.output.pointee.maySetAside,
            !pointee.executor.isLogged
        {
            member.pointee.reply = pointee.output.pointee.setAside()
            return
        }
        sendWaiting(before: index)
        connection.endTurn(input, step)
    }

    /// The last one's turn is over when everything is sent. What is told of turns that were looked into is what all of
    /// them took until then.
    @inline(never)
    private func runMetered(_ index: Int, _ meter: UnsafeMutablePointer<TurnMeter>) {
        let member = pointee.group.members[index]
        guard let connection = member.connection else { return }
        takeMetered(connection.pointee.peer, meter, first: member.batch.requests, settles: false) {
            run(index)
            if index == pointee.group.count - 1 { sendWaiting(before: pointee.group.count) }
        }
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
