/// What a trace holds, found by reading it once.
package struct TraceSummary: Sendable, Equatable {
    package var format = TraceFormat.numbered
    package var requests: UInt64 = 0
    /// Different keys, or one more than the highest key number of a numbered trace.
    package var keys: UInt64 = 0
    package var reads: UInt64 = 0
    package var stores: UInt64 = 0
    package var deletes: UInt64 = 0
    /// Requests without a size: the replayer chooses.
    package var unsized: UInt64 = 0
    package var withLife: UInt64 = 0
    /// Of the requests that have a size.
    package var valueBytes: UInt64 = 0
    package var valueBytesMax: UInt32 = 0
    /// From the first to the last request; 0 where the trace has no times.
    package var spanNanoseconds: UInt64 = 0

    /// Reads the first `requestsMax` requests of the trace. Throws what is wrong with it, with the line.
    package init(path: String, format: TraceFormat? = nil, requestsMax: UInt64 = .max) throws(WorkloadError) {
        var reader = try TraceReader(path: path, format: format)
        var dense = DenseKeys()
        var request = TraceRequest()
        self.format = reader.format
        while requests < requestsMax, try reader.next(&request, numbering: &dense) {
            requests += 1
            keys = max(keys, request.key + 1)
            switch request.kind {
            case .get, .multiget, .getAndTouch, .lease: reads += 1
            case .delete: deletes += 1
            default: stores += 1
            }
            if request.valueBytes == 0 { unsized += 1 }
            if request.secondsToLive > 0 { withLife += 1 }
            valueBytes += UInt64(request.valueBytes)
            valueBytesMax = max(valueBytesMax, request.valueBytes)
        }
        spanNanoseconds = request.dueNanoseconds
    }
}
