import LoadWorkload

/// A workload's operations as a stream of batches, with the second at which each happens.
///
/// 1. A trace with times keeps them. Otherwise `requestsPerSecond` requests happen in each second: lives, and the once
///    a second of memcached's page mover, need some time to pass.
/// 2. Keys keep their numbers, moved up by `firstKey`: a second stream with keys above the first one's has its own.
/// 3. A compare-and-set is a read and then a store of what is there; a lease is a read that stores on a miss.
package struct RequestStream: ~Copyable {
    /// Keys are indexes into arrays; more would need more memory than is had.
    package static let keysMax = UInt64(1) << 31
    package static let requestsPerSecondUsual = 300_000.0

    package private(set) var batch = RequestBatch()
    private var source: OperationSource
    private let keys: KeySpace
    private let firstKey: UInt64
    private let valueBytesMax: UInt32
    private let requestsPerSecond: Double
    private var requestsInSecond = 0.0
    private var second: UInt32

    /// - Parameters:
    ///   - firstKey: what is added to every key number.
    ///   - valueBytesMax: larger values are cut to this.
    ///   - second: the second of the first request, at least 2.
    package init(
        _ workload: Workload, firstKey: UInt64 = 0, valueBytesMax: UInt32 = .max,
        requestsPerSecond: Double = requestsPerSecondUsual, second: UInt32 = 2, seed: UInt64 = 1
    ) throws(WorkloadError) {
        source = try OperationSource(workload, seed: seed, thread: 0, threadCount: 1)
        keys = workload.keys
        self.firstKey = firstKey
        self.valueBytesMax = valueBytesMax
        self.requestsPerSecond = max(1, requestsPerSecond)
        self.second = max(2, second)
    }

    /// The second of the last request.
    package var secondReached: UInt32 { second }

    /// Fills the batch with the next requests. False: there are none.
    package mutating func fill() throws(WorkloadError) -> Bool {
        batch.removeAll()
        var operation = Operation(kind: .get, key: 0)
        let start = second
        while batch.count < RequestBatch.requestsMax - 1, source.next(&operation) {
            if operation.dueNanoseconds > 0 {
                second = max(second, 2 + UInt32(clamping: operation.dueNanoseconds / 1_000_000_000))
            } else {
                requestsInSecond += 1
                if requestsInSecond > requestsPerSecond {
                    requestsInSecond -= requestsPerSecond
                    second += 1
                }
            }
            try append(operation)
            // A second at most, so that a stream of rare requests does not make a model late.
            if second - start > 1 { break }
        }
        if let failure = source.failure { throw failure }
        return batch.count > 0
    }

    private mutating func append(_ operation: Operation) throws(WorkloadError) {
        let key = KeySpace.number(of: operation.key) &+ firstKey
        guard key < Self.keysMax else {
            throw WorkloadError("key number \(key) is too high to be simulated; at most \(Self.keysMax) keys can be")
        }
        var request = SimulatedRequest(
            .read, key: UInt32(key), valueBytes: min(operation.valueBytes, valueBytesMax),
            keyBytes: UInt8(clamping: keys.byteCount(of: operation.key)),
            secondsToLive: operation.secondsToLive, second: second)
        switch operation.kind {
        case .get, .multiget, .touch, .getAndTouch: request.kind = operation.storesOnMiss ? .readThrough : .read
        case .lease: request.kind = .readThrough
        case .set: request.kind = .store
        case .add: request.kind = .add
        case .delete: request.kind = .delete
        case .increment: request.kind = .replace
        case .compareAndSet:
            batch.append(request)
            request.kind = .replace
        }
        batch.append(request)
    }
}
