/// The operations of one driver thread, one after the other, the same for the same seed, thread and number of threads.
///
/// No allocation and no reference counting per operation.
package struct OperationSource: ~Copyable {
    private enum Way: UInt8, BitwiseCopyable { case synthetic, fill, trace }

    private let workload: Workload
    private let way: Way
    private let storesOnMiss: Bool
    /// Where all values have one size and live for ever, so that no key needs to be asked.
    private let isUniform: Bool
    private let uniformBytes: UInt32
    private let mix: MixTable
    private var picker: KeyPicker
    private var random: RandomSource
    /// Operations still to come.
    private var left: UInt64
    /// Fill: the next key and the distance to the one after.
    private var fillKey: UInt64
    private let stride: UInt64
    private let trace: UnsafeMutablePointer<TraceSource>?
    private var request = TraceRequest()
    /// Why `next` ended before its time; a trace may be damaged in the middle.
    package private(set) var failure: WorkloadError?

    /// `thread` is 0..<threadCount.
    package init(_ workload: Workload, seed: UInt64, thread: Int, threadCount: Int) throws(WorkloadError) {
        guard workload.keyCount > 0 else { throw WorkloadError("a workload needs at least one key") }
        guard workload.keyNumbersEnd <= 1 << KeySpace.numberBits else {
            throw WorkloadError("a workload has 2^\(KeySpace.numberBits) keys at most, not \(workload.keyCount)")
        }
        var opened: UnsafeMutablePointer<TraceSource>?
        if case .trace(let replay) = workload.origin {
            opened = try TraceSource.open(
                replay, operationCount: workload.operationCount ?? .max, thread: thread, threadCount: threadCount)
        }
        var total = workload.operationCount ?? .max
        switch workload.origin {
        case .synthetic:
            way = .synthetic
            storesOnMiss = workload.storesOnMiss
        case .fill:
            way = .fill
            storesOnMiss = false
            total = min(total, workload.keyCount)
        case .trace(let replay):
            way = .trace
            storesOnMiss = replay.storesOnMiss
            // Its source counts the requests of all threads.
            total = .max
        }
        trace = opened
        if case .fixed(let bytes) = workload.sizes, case .forever = workload.lives {
            (isUniform, uniformBytes) = (true, UInt32(bytes))
        } else {
            (isUniform, uniformBytes) = (false, 0)
        }
        self.workload = workload
        mix = MixTable(workload.mix)
        picker = KeyPicker(workload, thread: thread, threadCount: threadCount)
        random = RandomSource(seed: seed, stream: UInt64(thread))
        stride = UInt64(threadCount)
        fillKey = workload.firstKey + UInt64(thread)
        // The first threads have one more where it does not come out even.
        left = total == .max ? total : total / stride + (UInt64(thread) < total % stride ? 1 : 0)
    }

    deinit {
        picker.deallocate()
        mix.deallocate()
        trace?.deinitialize(count: 1)
        trace?.deallocate()
    }

    /// Sets `operation` to the next one. False: there is none, and `failure` says why if that is not how it should be.
    package mutating func next(_ operation: inout Operation) -> Bool {
        if left == 0 { return false }
        left &-= 1
        if way == .synthetic {
            draw(&operation)
            return true
        }
        return nextGiven(&operation)
    }

    @inline(never)
    private mutating func nextGiven(_ operation: inout Operation) -> Bool {
        switch way {
        case .synthetic: return false
        case .fill:
            setKey(&operation, kind: .set, key: fillKey)
            fillKey &+= stride
            return true
        case .trace: return replay(&operation)
        }
    }

    @inline(__always)
    private mutating func draw(_ operation: inout Operation) {
        let word = random.next()
        let kind = mix.kind(word)
        picker.countOperation()
        // One place where a key is drawn: each is a copy of all the ways.
        var key = picker.next(&random, stores: kind == .set || kind == .add)
        if kind == .increment { key |= KeySpace.counterBit }
        setKey(&operation, kind: kind, key: key)
        if kind == .get || kind == .multiget {
            operation.storesOnMiss = storesOnMiss
            if kind == .multiget { operation.keyCount = mix.keyCount(word &<< 32) }
        }
    }

    private mutating func replay(_ operation: inout Operation) -> Bool {
        do throws(WorkloadError) {
            guard try trace?.pointee.next(&request) == true else {
                left = 0
                return false
            }
        } catch {
            failure = error
            left = 0
            return false
        }
        operation.kind = request.kind
        operation.storesOnMiss = request.kind == .get && storesOnMiss
        operation.keyCount = 1
        operation.key = request.key
        operation.valueBytes =
            request.valueBytes > 0 ? request.valueBytes : workload.sizes.bytes(of: request.key)
        operation.secondsToLive =
            request.secondsToLive > 0 ? request.secondsToLive : workload.lives.seconds(of: request.key)
        operation.dueNanoseconds = request.dueNanoseconds
        return true
    }

    /// A further key of a multiget; may be one that it already has.
    package mutating func nextKey() -> UInt64 { picker.next(&random) }

    /// Size of the value that belongs to `key`, in bytes.
    package func valueBytes(of key: UInt64) -> UInt32 { workload.sizes.bytes(of: key) }

    /// Seconds that what is stored under `key` lives; 0 is for ever.
    package func secondsToLive(of key: UInt64) -> UInt32 { workload.lives.seconds(of: key) }

    /// Tells how long the run has lasted, for what changes with time; now and then is enough.
    package mutating func advance(toNanoseconds nanoseconds: UInt64) { picker.advance(toNanoseconds: nanoseconds) }

    @inline(__always)
    private func setKey(_ operation: inout Operation, kind: OperationKind, key: UInt64) {
        operation.kind = kind
        operation.storesOnMiss = false
        operation.keyCount = 1
        if isUniform {
            operation.secondsToLive = 0
            operation.valueBytes = uniformBytes
        } else {
            operation.secondsToLive = workload.lives.seconds(of: key)
            operation.valueBytes = workload.sizes.bytes(of: key)
        }
        operation.key = key
        operation.dueNanoseconds = 0
    }
}
