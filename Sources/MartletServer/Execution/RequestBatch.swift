import MartletProtocol
import MartletStore

/// One request of a batch and what is known about it before it is carried out.
struct BatchedRequest: BitwiseCopyable {
    var request: Request
    /// `.request` or `.refused`; nothing else gets into a batch.
    var outcome: ParseOutcome
    /// The line's first byte.
    var line: UnsafeRawPointer
    /// Of the (first) key, unless the key came in base64; 0 if there is none.
    var hash: UInt64
    /// Line and data block: what to skip to reach the next request. Of a data block that is to be swallowed, what is
    /// there of it.
    var bytes: Int
}

/// The requests at the front of some input.
struct RequestBatch: BitwiseCopyable {
    enum End: BitwiseCopyable {
        /// As many as were allowed, or the last one ends the connection or has bytes to swallow that are not there yet.
        case open
        /// The input ends here.
        case exhausted
        /// A line follows that has not ended.
        case insideLine
        /// A storage command follows whose data block is not all there: it lies behind the batch, parsed.
        case insideValue
        /// A list of keys follows that is too long to wait for; its first `Limits.listWindowBytes` are there.
        case longList
        /// Something follows that ends the connection without an answer.
        case hangUp
    }

    let requests: UnsafeMutablePointer<BatchedRequest>
    let count: Int
    let end: End
}

extension UnsafeMutablePointer where Pointee == Executor {
    /// Parses up to `countMax` complete requests of `input` from `position` on into the executor's `batch`, hashes
    /// their keys and brings the memory they will touch: all stripes first, then the buckets, then the items that the
    /// buckets name.
    @inline(__always)
    func gatherBatch(
        _ input: UnsafeRawBufferPointer, from position: Int, countMax: Int, scannedCount: Int
    ) -> RequestBatch {
        let batch = gatherBatch(
            input, from: position, countMax: countMax, scannedCount: scannedCount, into: pointee.batch)
        if batch.count > 1 {
            // A hash of 0 may also be a key's: then its bucket is brought for nothing.
            batch.requests.prefetchItems(batch.count, session)
        }
        return batch
    }

    /// Parses up to `countMax` complete requests of `input` from `position` on into `requests`, hashes their keys and
    /// brings their stripes.
    ///
    /// A batch ends behind a request after which nothing may be read yet: one that closes the connection, and one whose
    /// refused data block reaches beyond the input. With `.insideValue`, `requests[count]` holds the unfinished
    /// command.
    @inline(__always)
    func gatherBatch(
        _ input: UnsafeRawBufferPointer, from position: Int, countMax: Int, scannedCount: Int,
        into requests: UnsafeMutablePointer<BatchedRequest>
    ) -> RequestBatch {
        var position = position
        var scanned = scannedCount
        var count = 0
        var end = RequestBatch.End.open
        while count < countMax {
            guard position < input.count, let base = input.baseAddress else {
                end = .exhausted
                break
            }
            let left = input.count &- position
            let place = requests + count
            place.pointee.line = base + position
            if scanned == 0, takeOneGet(place, left) {
                count &+= 1
                position &+= place.pointee.bytes
                continue
            }
            place.pointee.outcome = RequestParser.parse(
                base + position, count: left, scannedCount: scanned, into: &place.pointee.request)
            scanned = 0
            if place.pointee.outcome == .incomplete {
                // No other line may be that long.
                end = left > Limits.listWindowBytes ? .longList : .insideLine
                break
            }
            if Int(place.pointee.request.lineBytes) > Limits.listWindowBytes, place.pointee.outcome != .hangUp {
                end = .longList
                break
            }
            if place.pointee.outcome == .hangUp {
                end = .hangUp
                break
            }
            guard measure(place, left) else {
                end = .insideValue
                break
            }
            count &+= 1
            if place.endsBatch(left) { break }
            position &+= place.pointee.bytes
        }
        return RequestBatch(requests: requests, count: count, end: end)
    }

    /// Takes a `get` of one key, the most frequent request by far, past everything others may need.
    @inline(__always)
    private func takeOneGet(_ place: UnsafeMutablePointer<BatchedRequest>, _ left: Int) -> Bool {
        guard RequestParser.parseOneGet(place.pointee.line, count: left, into: &place.pointee.request) else {
            return false
        }
        place.pointee.outcome = .request
        place.pointee.bytes = Int(place.pointee.request.lineBytes)
        let key = place.pointee.request.key
        place.pointee.hash = session.hashAndPrefetch(place.pointee.line + Int(key.offset), Int(key.count))
        return true
    }

    /// Fills in size and hash of a parsed request; false if its data block has not all arrived.
    @inline(__always)
    private func measure(_ place: UnsafeMutablePointer<BatchedRequest>, _ left: Int) -> Bool {
        let lineBytes = Int(place.pointee.request.lineBytes)
        place.pointee.bytes = lineBytes
        place.pointee.hash = 0
        if place.pointee.outcome == .refused {
            place.pointee.bytes = min(left, lineBytes &+ Int(place.pointee.request.refusal.swallowBytes))
            return true
        }
        let key = place.pointee.request.key
        if !key.isEmpty, !place.pointee.request.flags.contains(.binaryKey) {
            place.pointee.hash = session.hashAndPrefetch(place.pointee.line + Int(key.offset), Int(key.count))
        }
        guard place.pointee.request.command.carriesValue else { return true }
        place.pointee.bytes = lineBytes &+ Int(place.pointee.request.valueLength) &+ 2
        return place.pointee.bytes <= left
    }
}

extension UnsafeMutablePointer where Pointee == BatchedRequest {
    /// Brings the items of the first `count` requests, whose stripes are on their way.
    @inline(__always)
    func prefetchItems(_ count: Int, _ session: StoreSession) {
        session.prefetchItems(hashes: hashes, stride: MemoryLayout<BatchedRequest>.stride, count: count)
    }

    /// The first one's hash; the others lie a stride apart.
    var hashes: UnsafeRawPointer { UnsafeRawPointer(self) + Self.hashOffset }

    private static var hashOffset: Int { MemoryLayout<BatchedRequest>.offset(of: \.hash).unsafelyUnwrapped }

    /// Nothing behind this request may be read before it is carried out.
    @inline(__always)
    fileprivate func endsBatch(_ left: Int) -> Bool {
        if pointee.outcome == .refused {
            return pointee.request.refusal.closes
                || Int(pointee.request.lineBytes) &+ Int(pointee.request.refusal.swallowBytes) > left
        }
        return pointee.request.command == .quit
    }
}
