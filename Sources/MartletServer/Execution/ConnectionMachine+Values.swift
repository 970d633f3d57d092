import MartletProtocol
import MartletStore

/// Values that arrive in pieces, and data blocks that are swallowed.
extension ConnectionMachine {
    /// Makes room for the value of a command whose line is complete. If it cannot be had, the command is answered and
    /// its data block is to be swallowed. Returns whether the connection must close: nobody swallows that much.
    mutating func beginValue(
        _ place: UnsafeMutablePointer<BatchedRequest>, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> Bool {
        let key = executor.key(place.pointee.request, place.pointee.line, hash: place.pointee.hash)
        guard let reservation = executor.reserve(place.pointee.request, place.pointee.line, key, output) else {
            swallowBytes = Int(place.pointee.request.valueLength) &+ 2
            return swallowBytes > executor.pointee.swallowBytesMax
        }
        pending = .make(
            place.pointee.request, line: place.pointee.line, hash: place.pointee.hash, reservation: reservation)
        return false
    }

    /// Goes on with what was being received or swallowed. Returns whether that is finished, so that commands follow.
    @inline(never)
    mutating func continueValue(
        _ input: UnsafeRawBufferPointer, _ position: inout Int, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> Bool {
        if let pending {
            let rest = UnsafeRawBufferPointer(rebasing: input[position...])
            let taken = pending.pointee.fill(rest)
            position &+= taken
            let remaining = pending.pointee.reservation.remaining
            if remaining == 0 {
                guard input.count &- position >= 2, let base = input.baseAddress else { return false }
                finishValue(endsProperly: Self.endsLine(base + position), executor, output)
                position &+= 2
                return true
            }
            if taken == rest.count { return false }
            // There is no memory for what comes.
            swallowBytes = remaining &+ 2
            abandonValue(executor, output)
        }
        let skipped = min(swallowBytes, input.count &- position)
        position &+= skipped
        swallowBytes &-= skipped
        return swallowBytes == 0
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
