/// The operations of one driver thread, one after the other, the same for the same seed, thread and number of threads.
///
/// No allocation and no reference counting per operation.
package struct OperationSource: ~Copyable {
    private let workload: Workload
    private let isFill: Bool
    private let storesOnMiss: Bool
    private let mix: MixTable
    private var picker: KeyPicker
    private var random: RandomSource
    /// Operations still to come.
    private var left: UInt64
    /// Fill: the next key and the distance to the one after.
    private var fillKey: UInt64
    private let stride: UInt64
    /// Why `next` ended before its time; a trace may be damaged in the middle.
    package private(set) var failure: WorkloadError?

    /// `thread` is 0..<threadCount.
    package init(_ workload: Workload, seed: UInt64, thread: Int, threadCount: Int) throws(WorkloadError) {
        guard workload.keyCount > 0 else { throw WorkloadError("a workload needs at least one key") }
        self.workload = workload
        mix = MixTable(workload.mix)
        picker = KeyPicker(workload, thread: thread, threadCount: threadCount)
        random = RandomSource(seed: seed, stream: UInt64(thread))
        storesOnMiss = workload.storesOnMiss
        stride = UInt64(threadCount)
        fillKey = workload.firstKey + UInt64(thread)
        var total = workload.operationCount ?? .max
        if case .fill = workload.origin {
            isFill = true
            total = min(total, workload.keyCount)
        } else {
            isFill = false
        }
        // The first threads have one more where it does not come out even.
        left = total == .max ? total : total / stride + (UInt64(thread) < total % stride ? 1 : 0)
    }

    /// Sets `operation` to the next one. False: there is none, and `failure` says why if that is not how it should be.
    package mutating func next(_ operation: inout Operation) -> Bool {
        if left == 0 { return false }
        left &-= 1
        if isFill {
            setKey(&operation, kind: .set, key: fillKey)
            fillKey &+= stride
            return true
        }
        let word = random.next()
        let kind = mix.kind(word)
        picker.countOperation()
        switch kind {
        case .set, .add: setKey(&operation, kind: kind, key: picker.nextStored(&random))
        case .increment: setKey(&operation, kind: kind, key: picker.next(&random) | KeySpace.counterBit)
        case .get:
            setKey(&operation, kind: kind, key: picker.next(&random))
            operation.storesOnMiss = storesOnMiss
        case .multiget:
            setKey(&operation, kind: kind, key: picker.next(&random))
            operation.storesOnMiss = storesOnMiss
            operation.keyCount = mix.keyCount(word &<< 32)
        default: setKey(&operation, kind: kind, key: picker.next(&random))
        }
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
        operation.secondsToLive = workload.lives.seconds(of: key)
        operation.valueBytes = workload.sizes.bytes(of: key)
        operation.key = key
        operation.dueNanoseconds = 0
    }
}
