/// Draws key numbers as a `Popularity` says; one for each thread, which calls `deallocate` at the end.
struct KeyPicker: BitwiseCopyable {
    private enum Way: UInt8, BitwiseCopyable { case uniform, zipf, hotSet, sequential, latest }

    private let way: Way
    private let firstKey: UInt64
    private let keyCount: UInt64
    private let zipf: Zipf
    private let permutation: KeyPermutation
    /// Keys of the hot set, and its share of the operations as a part of 2^64.
    private let hotKeys: UInt64
    private let hotShare: UInt64
    /// The popular ranks have moved on by so many.
    private var shift: UInt64 = 0
    private let driftKeys: UInt64
    /// Operations of this thread from one move to the next; 0: no move by operations.
    private let driftOperations: UInt64
    private var operationsToDrift: UInt64
    /// 0: no move by time.
    private let driftNanoseconds: UInt64
    /// As a part of 2^64; the keys walked over.
    private let scanShare: UInt64
    private let scanFirstKey: UInt64
    private let scanCount: UInt64
    private var scanPosition: UInt64
    /// Of a sequence the position, of `latest` the newest key, in keys of all threads.
    private var position: UInt64
    private let stride: UInt64

    init(_ workload: Workload, thread: Int, threadCount: Int) {
        let popularity = workload.popularity
        firstKey = workload.firstKey
        keyCount = workload.keyCount
        permutation = KeyPermutation(count: keyCount)
        var exponent = 1.0
        var hot = (keys: 1.0, operations: 1.0)
        switch popularity.shape {
        case .uniform: way = .uniform
        case .zipf(let given): (way, exponent) = (.zipf, given)
        case .hotSet(let keys, let operations): (way, hot) = (.hotSet, (keys, operations))
        case .sequential: way = .sequential
        case .latest(let given): (way, exponent) = (.latest, given)
        }
        let isRanked = way == .zipf || way == .latest
        zipf = Zipf(count: isRanked ? keyCount : 1, exponent: exponent)
        hotKeys = max(1, min(keyCount, UInt64((Double(keyCount) * hot.keys).rounded())))
        hotShare = Self.part(hot.operations)
        driftKeys = popularity.drift?.keys ?? 0
        var operations: UInt64 = 0
        var nanoseconds: UInt64 = 0
        switch popularity.drift?.period {
        case .operations(let count): operations = max(1, count / UInt64(threadCount))
        case .nanoseconds(let count): nanoseconds = count
        case nil: break
        }
        driftOperations = operations
        operationsToDrift = operations
        driftNanoseconds = nanoseconds
        scanShare = Self.part(popularity.scan?.share ?? 0)
        let further = popularity.scan?.furtherKeys
        scanFirstKey = further == nil ? workload.firstKey : workload.firstKey + workload.keyCount
        scanCount = further ?? workload.keyCount
        stride = UInt64(threadCount)
        scanPosition = UInt64(thread) % scanCount
        position = UInt64(thread) % keyCount
    }

    func deallocate() { zipf.deallocate() }

    /// 0...1 as a part of 2^64.
    private static func part(_ share: Double) -> UInt64 { share >= 1 ? .max : UInt64(max(0, share) * 0x1p64) }

    /// The key of an operation that reads, or that does not care; or, if it `stores`, with `latest` a new one, which
    /// reads soon prefer.
    @inline(__always)
    mutating func next(_ random: inout RandomSource, stores: Bool = false) -> UInt64 {
        if stores, way == .latest {
            _ = Self.step(&position, by: stride, of: keyCount)
            return firstKey &+ position
        }
        if scanShare > 0, random.next() < scanShare {
            return scanFirstKey &+ Self.step(&scanPosition, by: stride, of: scanCount)
        }
        switch way {
        case .uniform: return firstKey &+ random.next(below: keyCount)
        case .zipf: return key(ofRank: zipf.rank(&random))
        case .hotSet:
            let rank =
                random.next() < hotShare || hotKeys == keyCount
                ? random.next(below: hotKeys) : hotKeys &+ random.next(below: keyCount &- hotKeys)
            return key(ofRank: rank)
        case .sequential: return firstKey &+ Self.step(&position, by: stride, of: keyCount)
        case .latest:
            let rank = zipf.rank(&random)
            return firstKey &+ (position >= rank ? position &- rank : position &+ keyCount &- rank)
        }
    }

    /// One operation more: popularity may move on.
    @inline(__always)
    mutating func countOperation() {
        guard driftOperations > 0 else { return }
        operationsToDrift &-= 1
        if operationsToDrift == 0 {
            operationsToDrift = driftOperations
            _ = Self.step(&shift, by: driftKeys, of: keyCount)
        }
    }

    mutating func advance(toNanoseconds nanoseconds: UInt64) {
        guard driftNanoseconds > 0 else { return }
        shift = (nanoseconds / driftNanoseconds).multipliedReportingOverflow(by: driftKeys).partialValue % keyCount
    }

    @inline(__always)
    private func key(ofRank rank: UInt64) -> UInt64 {
        let moved = rank &+ shift
        return firstKey &+ permutation(moved >= keyCount ? moved &- keyCount : moved)
    }

    /// The position before the step, which goes round at `count`.
    @inline(__always)
    private static func step(_ position: inout UInt64, by stride: UInt64, of count: UInt64) -> UInt64 {
        let before = position
        position &+= stride
        if position >= count { position %= count }
        return before
    }
}
