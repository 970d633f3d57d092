/// The requests of a replay that belong to one thread, in order.
///
/// 1. The copies of the trace take turns; copy c's key k is k * copies + c.
/// 2. All threads read everything, and each keeps the keys whose hash falls to it: the requests of one key stay in
///    order, on one thread.
/// 3. A request is due when copy 0's request of the same turn is: a trace with times keeps its pace, times copies.
struct TraceSource: ~Copyable {
    private let replay: TraceReplay
    private let copies: UInt64
    private let readers: UnsafeMutablePointer<TraceReader>
    private var readerCount = 0
    private var keys = DenseKeys()
    /// The copy whose turn it is, and the turn's time.
    private var copy: UInt64 = 0
    private var due: UInt64 = 0
    /// Requests of all copies still to come.
    private var left: UInt64
    private let thread: UInt64
    private let threadCount: UInt64

    /// A source in memory of its own, which the caller deinitializes and deallocates.
    static func open(
        _ replay: TraceReplay, operationCount: UInt64, thread: Int, threadCount: Int
    ) throws(WorkloadError) -> UnsafeMutablePointer<TraceSource> {
        guard replay.path != "-" || threadCount == 1 else {
            throw WorkloadError("standard input can be read by one thread only")
        }
        let source = UnsafeMutablePointer<TraceSource>.allocate(capacity: 1)
        source.initialize(
            to: TraceSource(replay, operationCount: operationCount, thread: thread, threadCount: threadCount))
        do {
            try source.pointee.begin()
        } catch {
            source.deinitialize(count: 1)
            source.deallocate()
            throw error
        }
        return source
    }

    private init(_ replay: TraceReplay, operationCount: UInt64, thread: Int, threadCount: Int) {
        self.replay = replay
        copies = UInt64(replay.copies)
        self.thread = UInt64(thread)
        self.threadCount = UInt64(threadCount)
        let all = replay.requests == 0 ? UInt64.max : replay.requests * copies
        left = min(all, operationCount)
        readers = .allocate(capacity: replay.copies)
    }

    deinit {
        readers.deinitialize(count: readerCount)
        readers.deallocate()
    }

    /// Opens the trace for each copy and passes over what comes before the copy's first request.
    private mutating func begin() throws(WorkloadError) {
        for index in 0..<copies {
            let reader = readers + Int(index)
            reader.initialize(to: try TraceReader(path: replay.path, format: replay.format))
            readerCount += 1
            try reader.pointee.skip(index * replay.requests / copies, numbering: &keys)
        }
    }

    /// Sets `request` to this thread's next one. False: there is none.
    mutating func next(_ request: inout TraceRequest) throws(WorkloadError) -> Bool {
        while left > 0 {
            left &-= 1
            let index = copy
            copy = copy &+ 1 == copies ? 0 : copy &+ 1
            let reader = readers + Int(truncatingIfNeeded: index)
            if try !reader.pointee.next(&request, numbering: &keys) {
                guard copies > 1 else {
                    left = 0
                    return false
                }
                try goRound(index, &request)
            }
            if index == 0 { due = request.dueNanoseconds }
            let number = request.key &* copies &+ index
            request.key = KeySpace.key(number, bytes: request.keyBytes)
            if request.isCounter { request.key |= KeySpace.counterBit }
            request.dueNanoseconds = due
            if threadCount == 1 || belongsHere(number) { return true }
        }
        return false
    }

    private func belongsHere(_ key: UInt64) -> Bool {
        KeyMix.mix(key, purpose: Purpose.thread).multipliedFullWidth(by: threadCount).high == thread
    }

    /// Copy `index` begins again at the trace's first request.
    @inline(never)
    private mutating func goRound(_ index: UInt64, _ request: inout TraceRequest) throws(WorkloadError) {
        let reader = readers + Int(truncatingIfNeeded: index)
        reader.pointee = try TraceReader(path: replay.path, format: replay.format)
        guard try reader.pointee.next(&request, numbering: &keys) else {
            throw WorkloadError("trace \(replay.path) became empty while it was read")
        }
    }
}
