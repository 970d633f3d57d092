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

    init(_ request: Request, line: UnsafeRawPointer, hash: UInt64, reservation: consuming ItemReservation) {
        self.request = copy request
        self.line = .allocate(byteCount: Int(request.lineBytes), alignment: 8)
        self.line.copyMemory(from: line, byteCount: Int(request.lineBytes))
        self.hash = hash
        self.reservation = reservation
    }

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
}
