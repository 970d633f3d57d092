import MartletProtocol
import MartletStore

/// Values that arrive in pieces, and data blocks that are swallowed: of the text protocol and, but for how they begin
/// and what is answered (`ConnectionMachine+BinaryValues`), of the binary one.
///
/// A value that lacks room, because unfinished ones hold all they may, waits: its bytes stay unconsumed. After
/// `Limits.roomlessSecondsMax` without a byte taken it is refused, as one for which memory has ended.
extension ConnectionMachine {
    enum Beginning: BitwiseCopyable {
        /// The value has a place, or the command is answered and its data block is to be swallowed.
        case begun
        /// Nothing has happened.
        case lacksRoom
        /// Nobody swallows that much.
        case close
    }

    enum Arrival: BitwiseCopyable {
        /// Commands follow.
        case finished
        case wantsInput
        case lacksRoom
    }

    /// Makes room for the value of a command whose line is complete. If it cannot be had, the command is answered.
    mutating func beginValue(
        _ place: UnsafeMutablePointer<BatchedRequest>, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> Beginning {
        let request = place.pointee.request
        let key = executor.key(request, place.pointee.line, hash: place.pointee.hash)
        switch executor.session.reserve(
            key, valueLength: Int(request.valueLength), clientFlags: request.clientFlags,
            expiry: executor.second(request.exptime))
        {
        case .reserved(let reservation):
            roomlessSince = 0
            pending = .make(
                request, line: place.pointee.line, hash: place.pointee.hash, reservation: reservation,
                executor.pointee.server.pointee.syscalls)
            if pending != nil { return .begun }
            executor.refuseValue(request, key, .outOfMemoryStoring, output)
        case .tooLarge:
            executor.refuseValue(request, key, .tooLarge, output)
        case .noRoom:
            if mayWait(now: executor.session.now) { return .lacksRoom }
            roomlessSince = 0
            executor.refuseValue(request, key, .outOfMemoryStoring, output)
        case .noMemory:
            roomlessSince = 0
            executor.refuseValue(request, key, .outOfMemoryStoring, output)
        }
        swallowBytes = Int(request.valueLength) &+ 2
        return swallowBytes > executor.pointee.swallowBytesMax ? .close : .begun
    }

    mutating func mayWait(now: UInt32) -> Bool {
        if roomlessSince == 0 { roomlessSince = now }
        return now &- roomlessSince < Limits.roomlessSecondsMax
    }

    /// Goes on with what was being received or swallowed.
    @inline(never)
    mutating func continueValue(
        _ input: UnsafeRawBufferPointer, _ position: inout Int, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> Arrival {
        if let pending {
            let rest = UnsafeRawBufferPointer(rebasing: input[position...])
            let taken = pending.pointee.fill(rest)
            position &+= taken
            if taken > 0 { roomlessSince = 0 }
            let remaining = pending.pointee.reservation.remaining
            if remaining == 0 {
                if dialect == .binary {
                    finishBinaryValue(executor, output)
                    return .finished
                }
                guard input.count &- position >= 2, let base = input.baseAddress else { return .wantsInput }
                finishValue(endsProperly: Self.endsLine(base + position), executor, output)
                position &+= 2
                return .finished
            }
            if taken == rest.count { return .wantsInput }
            if pending.pointee.reservation.lacksRoom, mayWait(now: executor.session.now) { return .lacksRoom }
            // There is no memory for what comes.
            roomlessSince = 0
            if dialect == .binary {
                swallowBytes = remaining
                abandonBinaryValue(executor, output)
            } else {
                swallowBytes = remaining &+ 2
                abandonValue(executor, output)
            }
        }
        let skipped = min(swallowBytes, input.count &- position)
        position &+= skipped
        swallowBytes &-= skipped
        return swallowBytes == 0 ? .finished : .wantsInput
    }

    /// Stores the value that has arrived, or refuses it for a data block that ends wrongly.
    private mutating func finishValue(endsProperly: Bool, _ executor: ExecutorPointer, _ output: OutputPointer) {
        guard let place = pending else { return }
        pending = nil
        let request = place.pointee.request
        let line = place.pointee.line
        let key = executor.key(request, line, hash: place.pointee.hash)
        let reservation = place.takeReservation()
        if endsProperly {
            executor.commit(reservation, request, line, key, output)
        } else {
            executor.refuseDataBlock(request, output)
        }
        place.release(line: line)
    }

    /// Gives up a value for want of memory.
    private mutating func abandonValue(_ executor: ExecutorPointer, _ output: OutputPointer) {
        guard let place = pending else { return }
        pending = nil
        let key = executor.key(place.pointee.request, place.pointee.line, hash: place.pointee.hash)
        executor.refuseValue(place.pointee.request, key, .outOfMemoryStoring, output)
        place.destroy()
    }
}
