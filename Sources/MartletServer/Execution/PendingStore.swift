import MartletProtocol
import MartletStore

/// A storage command whose value is too large to wait for in the input: it arrives straight in its place.
///
/// Keeps a copy of the command line, because the key and what the reply tells are slices of it.
struct PendingStore: ~Copyable {
    let request: Request
    let line: UnsafeMutableRawPointer
    /// Of the key, unless it came in base64.
    let hash: UInt64
    var reservation: ItemReservation
    var pace = UploadPace()

    /// Fills in what `bytes` have of the value and gives how many bytes that was. Less than there are, with some
    /// remaining, means that there is no memory.
    mutating func fill(_ bytes: UnsafeRawBufferPointer) -> Int {
        var taken = 0
        while taken < bytes.count, reservation.remaining > 0 {
            let span = reservation.writableSpan()
            guard let destination = span.baseAddress, let source = bytes.baseAddress, span.count > 0 else { break }
            let count = min(span.count, bytes.count - taken)
            destination.copyMemory(from: source + taken, byteCount: count)
            reservation.advance(count)
            taken += count
        }
        return taken
    }

    /// Another second has begun in which others wait for room.
    mutating func lookAtPace() { pace.look(length: Int(request.valueLength), remaining: reservation.remaining) }
}

extension UnsafeMutablePointer where Pointee == PendingStore {
    /// Memory for a command and what has arrived of its value; nil, with the reservation given up, when there is none.
    /// Not inlined: the hot path ends here.
    @inline(never)
    static func make(
        _ request: Request, line: UnsafeRawPointer, hash: UInt64, reservation: consuming ItemReservation,
        _ syscalls: Syscalls
    ) -> UnsafeMutablePointer<PendingStore>? {
        guard let memory = syscalls.allocate(MemoryLayout<PendingStore>.size) else { return nil }
        guard let copy = syscalls.allocate(Int(request.lineBytes)) else {
            Syscalls.free(memory)
            return nil
        }
        let place = memory.bindMemory(to: PendingStore.self, capacity: 1)
        copy.copyMemory(from: line, byteCount: Int(request.lineBytes))
        place.initialize(to: PendingStore(request: request, line: copy, hash: hash, reservation: reservation))
        return place
    }

    /// Takes the reservation out; `release` must follow.
    func takeReservation() -> ItemReservation {
        let store = move()
        return store.reservation
    }

    /// Frees what `make` took, after the reservation was taken out.
    @inline(never)
    func release(line: UnsafeMutableRawPointer) {
        Syscalls.free(line)
        Syscalls.free(self)
    }

    /// Gives everything up, the reservation included.
    @inline(never)
    func destroy() {
        let line = pointee.line
        deinitialize(count: 1)
        release(line: line)
    }
}
