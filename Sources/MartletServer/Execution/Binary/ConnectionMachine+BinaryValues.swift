import MartletProtocol
import MartletStore

/// Large values of the binary protocol: as the text protocol's (`ConnectionMachine+Values`), without an end to check.
extension ConnectionMachine {
    /// Makes room for the value of a request of which all in front of it is there. If it cannot be had, the request is
    /// answered.
    mutating func beginBinaryValue(
        _ place: UnsafeMutablePointer<BatchedRequest>, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> Beginning {
        let request = place.pointee.request
        let key = executor.key(request, place.pointee.line, hash: place.pointee.hash)
        let status: BinaryStatus
        switch executor.session.reserve(key, valueLength: Int(request.valueLength)) {
        case .reserved(let reservation):
            roomlessSince = 0
            pending = .make(request, line: place.pointee.line, hash: place.pointee.hash, reservation: reservation)
            return .begun
        case .tooLarge:
            status = .tooLarge
        case .noRoom:
            if mayWait(now: executor.session.now) { return .lacksRoom }
            status = .outOfMemory
        case .noMemory:
            status = .outOfMemory
        }
        roomlessSince = 0
        executor.refuseBinaryValue(request, BinaryHeader(at: place.pointee.line), key, status, output)
        swallowBytes = Int(request.valueLength)
        return swallowBytes > executor.pointee.swallowBytesMax ? .close : .begun
    }

    /// Goes on with what was being received or swallowed.
    @inline(never)
    mutating func continueBinaryValue(
        _ input: UnsafeRawBufferPointer, _ position: inout Int, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> Arrival {
        if let pending {
            let rest = UnsafeRawBufferPointer(rebasing: input[position...])
            let taken = pending.pointee.fill(rest)
            position &+= taken
            if taken > 0 { roomlessSince = 0 }
            let remaining = pending.pointee.reservation.remaining
            if remaining == 0 {
                finishBinaryValue(executor, output)
                return .finished
            }
            if taken == rest.count { return .wantsInput }
            if pending.pointee.reservation.lacksRoom, mayWait(now: executor.session.now) { return .lacksRoom }
            // There is no memory for what comes.
            roomlessSince = 0
            swallowBytes = remaining
            abandonBinaryValue(executor, output)
        }
        let skipped = min(swallowBytes, input.count &- position)
        position &+= skipped
        swallowBytes &-= skipped
        return swallowBytes == 0 ? .finished : .wantsInput
    }

    private mutating func finishBinaryValue(_ executor: ExecutorPointer, _ output: OutputPointer) {
        guard let place = pending else { return }
        pending = nil
        let request = place.pointee.request
        let line = place.pointee.line
        let key = executor.key(request, line, hash: place.pointee.hash)
        let reservation = place.takeReservation()
        executor.commitBinary(reservation, request, BinaryHeader(at: line), key, output)
        place.release(line: line)
    }

    private mutating func abandonBinaryValue(_ executor: ExecutorPointer, _ output: OutputPointer) {
        guard let place = pending else { return }
        pending = nil
        let request = place.pointee.request
        let line = place.pointee.line
        let key = executor.key(request, line, hash: place.pointee.hash)
        executor.refuseBinaryValue(request, BinaryHeader(at: line), key, .outOfMemory, output)
        place.destroy()
    }
}
