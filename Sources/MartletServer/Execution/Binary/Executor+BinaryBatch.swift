import MartletProtocol
import MartletStore

extension UnsafeMutablePointer where Pointee == Executor {
    /// As `gatherBatch`, for the binary protocol: parses up to `countMax` complete requests of `input` from `position`
    /// on into `batch`, hashes their keys and brings the memory they will touch.
    func gatherBinaryBatch(_ input: UnsafeRawBufferPointer, from position: Int, countMax: Int) -> RequestBatch {
        var position = position
        var count = 0
        var end = RequestBatch.End.open
        while count < countMax {
            guard position < input.count, let base = input.baseAddress else {
                end = .exhausted
                break
            }
            let left = input.count &- position
            let place = pointee.batch + count
            place.pointee.line = base + position
            place.pointee.outcome = BinaryRequestParser.parse(
                base + position, count: left, into: &place.pointee.request)
            if place.pointee.outcome == .incomplete || place.pointee.outcome == .hangUp {
                end = place.pointee.outcome == .incomplete ? .insideLine : .hangUp
                break
            }
            guard measureBinary(place, left) else {
                end = .insideValue
                break
            }
            count &+= 1
            if place.pointee.request.command == .quit || endsInside(place, left) { break }
            position &+= place.pointee.bytes
        }
        if count > 1 { pointee.batch.prefetchItems(count, session) }
        return RequestBatch(requests: pointee.batch, count: count, end: end)
    }

    /// Fills in size and hash of a parsed request; false if its value has not all arrived.
    private func measureBinary(_ place: UnsafeMutablePointer<BatchedRequest>, _ left: Int) -> Bool {
        place.pointee.hash = 0
        if place.pointee.outcome == .refused {
            let header = BinaryHeader(at: place.pointee.line)
            place.pointee.bytes = min(left, BinaryHeader.bytes &+ Int(header.bodyBytes))
            return true
        }
        let key = place.pointee.request.key
        if !key.isEmpty {
            place.pointee.hash = session.hashAndPrefetch(place.pointee.line + Int(key.offset), Int(key.count))
        }
        place.pointee.bytes = Int(place.pointee.request.lineBytes) &+ Int(place.pointee.request.valueLength)
        return place.pointee.bytes <= left
    }

    /// Nothing behind a refused request may be read before it is answered, if it ends the connection or its body
    /// reaches beyond the input.
    private func endsInside(_ place: UnsafeMutablePointer<BatchedRequest>, _ left: Int) -> Bool {
        guard place.pointee.outcome == .refused else { return false }
        let header = BinaryHeader(at: place.pointee.line)
        return BinaryRequestParser.refusal(header)?.closes ?? true || BinaryHeader.bytes &+ Int(header.bodyBytes) > left
    }
}
