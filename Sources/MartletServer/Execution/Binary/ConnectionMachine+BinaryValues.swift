import MartletProtocol
import MartletStore

/// Large values of the binary protocol: how they begin and end. Between, they are as the text protocol's
/// (`ConnectionMachine+Values`).
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
            pending = .make(
                request, line: place.pointee.line, hash: place.pointee.hash, reservation: reservation,
                executor.pointee.server.pointee.syscalls)
            if pending != nil { return .begun }
            status = .outOfMemory
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

    /// Stores the value that has arrived.
    mutating func finishBinaryValue(_ executor: ExecutorPointer, _ output: OutputPointer) {
        guard let place = pending else { return }
        pending = nil
        let request = place.pointee.request
        let line = place.pointee.line
        let key = executor.key(request, line, hash: place.pointee.hash)
        let reservation = place.takeReservation()
        executor.commitBinary(reservation, request, BinaryHeader(at: line), key, output)
        place.release(line: line)
    }

    /// Gives up a value for want of memory.
    mutating func abandonBinaryValue(_ executor: ExecutorPointer, _ output: OutputPointer) {
        guard let place = pending else { return }
        pending = nil
        let request = place.pointee.request
        let line = place.pointee.line
        let key = executor.key(request, line, hash: place.pointee.hash)
        executor.refuseBinaryValue(request, BinaryHeader(at: line), key, .outOfMemory, output)
        place.destroy()
    }
}
