import MartletProtocol
import MartletStore

/// The protocol side of one connection: bytes in, replies out, no socket. What is said here of lines is the text
/// protocol's; the other things a connection may speak (`Dialect`) have `receive`s of their own.
///
/// The worker's contract with it:
/// 1. `receive` is called with the bytes not consumed before, followed by what arrived since, contiguous.
/// 2. While `valueDestination` is not empty, the worker reads the socket straight into it and tells `advanceValue`;
///    bytes behind it come through `receive`. It is asked again after every call, and only trusted until the next one.
/// 3. After `.yield`, `.outputFull` and `.lacksRoom`, `receive` is called again even without new input.
/// 4. It lives in the connection's memory and is only used by the connection's worker.
///
/// How it keeps in step, whatever the cuts in the input:
/// 5. A command is carried out when its line is complete and, if it carries a value up to `Limits.waitedValueBytesMax`,
///    when that is complete too. Until then its bytes stay unconsumed: nothing is held for it but what was sent.
/// 6. A larger value goes into a reservation as it arrives (`PendingStore`), or waits for room to.
/// 7. A list of keys longer than `Limits.listWindowBytes` is answered as it arrives (`KeyListStream`).
/// 8. A data block ends with CR LF or the command is refused, and the rest is read as commands.
/// 9. The data block of a refused command is swallowed, up to a bound. The answer goes out first.
/// 10. Only `receive` decides that a connection closes. Replies to what came before are sent first.
package struct ConnectionMachine: ~Copyable {
    var pending: UnsafeMutablePointer<PendingStore>?
    /// Bytes of a refused data block still to be skipped.
    var swallowBytes = 0
    /// The server second since which a value has lacked room without getting a byte; 0 if it does not.
    var roomlessSince: UInt32 = 0
    /// How much the output held when the last long answer was finished.
    var answeredBytes: Int32 = 0
    /// Bytes at the front of the unconsumed input known to hold no line end.
    private var scannedBytes = 0
    /// A key list was interrupted: its line is given again, and its answer goes on behind this offset in it.
    var listEnd = 0
    /// A list that is answered as it arrives.
    var list = KeyListStream()
    /// An answer of many turns that is being given.
    var longAnswer: UnsafeMutablePointer<any LongAnswer>?
    var waitsForValue = false
    /// It answers one datagram.
    package var isDatagram = false
    /// Why the connection closes, when the machine says that it does.
    var closeReason = CloseReason.normal
    /// What the connection wants to watch, after `.watch`.
    var watchedStreams = WatchStreams()

    var dialect: Dialect
    /// Of a connection that is not logged in and has sent something.
    var login: UnsafeMutablePointer<LoginState>?

    package init(_ dialect: Dialect = .text) { self.dialect = dialect }

    deinit {
        pending?.destroy()
        login?.destroy()
        if let longAnswer {
            longAnswer.deinitialize(count: 1)
            longAnswer.deallocate()
        }
    }

    /// A value is being received or swallowed; `stats conns` says so.
    package var isReadingValue: Bool { waitsForValue || pending != nil || swallowBytes > 0 }

    /// A request has begun and has not ended: its client is not idle. Of one whose bytes were not consumed only the
    /// connection knows.
    package var isInsideRequest: Bool {
        if let login, login.pointee.isInsideToken { return true }
        return isReadingValue || list.phase != .none || longAnswer != nil
    }

    /// It is between two commands of the text protocol: the next bytes are a command, and may be gathered ahead of the
    /// turn.
    var isBetweenCommands: Bool {
        dialect == .text && swallowBytes == 0 && pending == nil && list.phase == .none && !waitsForValue
    }

    package mutating func receive(
        _ bytes: UnsafeMutableRawBufferPointer, executor: UnsafeMutablePointer<Executor>,
        output: UnsafeMutablePointer<OutputBuffer>, commandsMax: Int
    ) -> MachineStep {
        receive(bytes, gathered: nil, executor: executor, output: output, commandsMax: commandsMax)
    }

    /// With the batch at the front of `bytes`, if `isBetweenCommands` and it has been gathered ahead; it has at most
    /// `commandsMax` requests.
    mutating func receive(
        _ bytes: UnsafeMutableRawBufferPointer, gathered: RequestBatch?, executor: UnsafeMutablePointer<Executor>,
        output: UnsafeMutablePointer<OutputBuffer>, commandsMax: Int
    ) -> MachineStep {
        if _slowPath(dialect != .text) {
            return receiveOther(bytes, executor: executor, output: output, commandsMax: commandsMax)
        }
        let input = UnsafeRawBufferPointer(bytes)
        var position = 0
        if swallowBytes > 0 || pending != nil || list.phase != .none {
            let stop = continueEarlier(input, &position, executor, output)
            if let stop { return MachineStep(consumedBytes: position, stop) }
        }
        waitsForValue = false
        var commandsLeft = commandsMax
        var ahead = gathered
        while true {
            let batch =
                ahead
                ?? executor.gatherBatch(
                    input, from: position, countMax: min(commandsLeft, Limits.batchCountMax), scannedCount: scannedBytes
                )
            ahead = nil
            scannedBytes = 0
            for index in 0..<batch.count {
                if output.pointee.isFull { return MachineStep(consumedBytes: position, .outputFull) }
                let place = batch.requests + index
                if let stop = carryOut(place, executor, output) {
                    if stop == .close || stop == .watch { position &+= place.pointee.bytes }
                    return MachineStep(consumedBytes: position, stop)
                }
                position &+= place.pointee.bytes
            }
            commandsLeft &-= batch.count
            switch batch.end {
            case .open:
                if swallowBytes > 0 || position == input.count {
                    return MachineStep(consumedBytes: position, .wantsInput)
                }
                if commandsLeft <= 0 { return MachineStep(consumedBytes: position, executor.endTurn()) }
            case .exhausted:
                return MachineStep(consumedBytes: position, .wantsInput)
            case .insideLine:
                scannedBytes = input.count &- position
                return MachineStep(consumedBytes: position, .wantsInput)
            case .insideValue:
                if let stop = startValue(batch.requests + batch.count, input, &position, executor, output) {
                    return MachineStep(consumedBytes: position, stop)
                }
                commandsLeft &-= 1
            case .longList:
                if output.pointee.isFull { return MachineStep(consumedBytes: position, .outputFull) }
                beginList(input, &position, output)
                if let stop = continueList(input, &position, executor, output) {
                    return MachineStep(consumedBytes: position, stop)
                }
                commandsLeft &-= 1
            case .hangUp:
                closeReason = .error
                return MachineStep(consumedBytes: position, .close)
            }
        }
    }

    /// Begins with a value that has not all arrived, or leaves a small one to wait for. Nil: commands follow.
    private mutating func startValue(
        _ place: UnsafeMutablePointer<BatchedRequest>, _ input: UnsafeRawBufferPointer, _ position: inout Int,
        _ executor: UnsafeMutablePointer<Executor>, _ output: UnsafeMutablePointer<OutputBuffer>
    ) -> MachineStep.Disposition? {
        guard Int(place.pointee.request.valueLength) > Limits.waitedValueBytesMax else {
            waitsForValue = true
            return .wantsInput
        }
        if output.pointee.isFull { return .outputFull }
        let start = beginValue(place, executor, output)
        if start == .lacksRoom { return .lacksRoom }
        position &+= Int(place.pointee.request.lineBytes)
        if start == .close { return .close }
        let arrival = continueValue(input, &position, executor, output)
        return arrival == .finished ? nil : Self.disposition(arrival)
    }

    /// `receive` of whatever is not, or not yet, text.
    @inline(never)
    private mutating func receiveOther(
        _ bytes: UnsafeMutableRawBufferPointer, executor: UnsafeMutablePointer<Executor>,
        output: UnsafeMutablePointer<OutputBuffer>, commandsMax: Int
    ) -> MachineStep {
        switch dialect {
        case .locked:
            return receiveLogin(bytes, executor: executor, output: output, commandsMax: commandsMax)
        case .binary:
            return receiveBinary(
                UnsafeRawBufferPointer(bytes), executor: executor, output: output, commandsMax: commandsMax)
        case .undecided, .text:
            guard let first = bytes.first else { return MachineStep(consumedBytes: 0, .wantsInput) }
            dialect = first == BinaryHeader.requestMagic ? .binary : .text
            return receive(bytes, executor: executor, output: output, commandsMax: commandsMax)
        }
    }

    /// Goes on with what an earlier call has begun. Nil: commands follow.
    private mutating func continueEarlier(
        _ input: UnsafeRawBufferPointer, _ position: inout Int, _ executor: UnsafeMutablePointer<Executor>,
        _ output: UnsafeMutablePointer<OutputBuffer>
    ) -> MachineStep.Disposition? {
        if swallowBytes > 0 || pending != nil {
            let arrival = continueValue(input, &position, executor, output)
            if arrival != .finished { return Self.disposition(arrival) }
        }
        return list.phase == .none ? nil : continueList(input, &position, executor, output)
    }

    static func disposition(_ arrival: Arrival) -> MachineStep.Disposition {
        arrival == .lacksRoom ? .lacksRoom : .wantsInput
    }

    /// A large value is arriving in memory of its own.
    var holdsReservation: Bool { pending != nil }

    /// Where the next bytes of a value that is being read belong; empty when no value is.
    package mutating func valueDestination() -> UnsafeMutableRawBufferPointer {
        guard let pending, pending.pointee.reservation.remaining > 0 else {
            return UnsafeMutableRawBufferPointer(start: nil, count: 0)
        }
        return pending.pointee.reservation.writableSpan()
    }

    /// The first `count` bytes of `valueDestination` were filled.
    package mutating func advanceValue(_ count: Int) {
        guard let pending, count > 0 else { return }
        pending.pointee.reservation.advance(count)
    }
}
