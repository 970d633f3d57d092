import LoadWorkload

/// All requests of a trace, in order.
func requests(_ path: String, format: TraceFormat? = nil) throws -> [TraceRequest] {
    var reader = try TraceReader(path: path, format: format)
    var keys = DenseKeys()
    var request = TraceRequest()
    var all: [TraceRequest] = []
    while try reader.next(&request, numbering: &keys) { all.append(request) }
    return all
}

/// What a request asks, in short: `get 5 100 60` is kind, key, size, life.
func short(_ request: TraceRequest) -> String {
    "\(request.kind.word) \(request.key) \(request.valueBytes) \(request.secondsToLive)"
}

/// A replay's operations, thread by thread.
func replayed(
    _ path: String, copies: Int = 1, count: UInt64? = nil, threadCount: Int = 1, sizes: Sizes = .fixed(77),
    lives: Lives = .forever, storesOnMiss: Bool = true
) throws -> [[Operation]] {
    var workload = Workload()
    workload.operationCount = count
    workload.sizes = sizes
    workload.lives = lives
    var replay = TraceReplay(path: path)
    replay.copies = copies
    replay.storesOnMiss = storesOnMiss
    _ = try workload.replay(replay)
    return try (0..<threadCount).map { thread in
        var source = try OperationSource(workload, seed: 1, thread: thread, threadCount: threadCount)
        var operation = Operation(kind: .get, key: 0)
        var all: [Operation] = []
        while source.next(&operation) { all.append(operation) }
        if let failure = source.failure { throw failure }
        return all
    }
}
