/// Which kinds of operations come how often, by weight.
///
///     get=90,set=10
///     get=30,mget:20=5,set=1     a multiget has 20 keys; of mget:10-50, 10 to 50
///
/// The words: get, mget, set, add, delete, incr, touch, gat, cas, lease.
package struct Mix: Sendable, Equatable {
    /// Weights by kind; kinds with the weight 0 are absent.
    package let weights: [OperationKind: Double]
    /// Keys of a multiget, both ends included.
    package let multigetKeys: ClosedRange<Int>

    package static let multigetKeysMax = 1000
    /// Where nothing is said.
    package static let multigetKeysUsual = 10...10

    package init(_ weights: [OperationKind: Double], multigetKeys: ClosedRange<Int> = Mix.multigetKeysUsual)
        throws(WorkloadError)
    {
        let weights = weights.filter { $0.value != 0 }
        guard !weights.isEmpty, weights.values.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw WorkloadError("a mix needs at least one kind of operation, and weights above 0")
        }
        guard multigetKeys.lowerBound >= 1, multigetKeys.upperBound <= Self.multigetKeysMax else {
            throw WorkloadError("a multiget has 1 to \(Self.multigetKeysMax) keys, not \(multigetKeys)")
        }
        self.weights = weights
        self.multigetKeys = multigetKeys
    }

    private init(trusted weights: [OperationKind: Double]) {
        self.weights = weights
        multigetKeys = Self.multigetKeysUsual
    }

    package static let gets = Mix(trusted: [.get: 1])
    package static let sets = Mix(trusted: [.set: 1])
    /// Thirty reads to a store.
    package static let etc = Mix(trusted: [.get: 30, .set: 1])

    /// Of all operations, 0...1.
    package func share(of kind: OperationKind) -> Double {
        (weights[kind] ?? 0) / weights.values.reduce(0, +)
    }
}

/// A mix made ready for drawing: the most frequent kind first. A handle: copies mean the same table, which `deallocate`
/// frees.
struct MixTable: BitwiseCopyable {
    private static let kindCount = 10

    private struct Choice: BitwiseCopyable {
        /// The share of all choices up to this one, as a part of 2^32.
        var upTo: UInt64
        var kind: OperationKind
    }

    private let choices: UnsafeMutablePointer<Choice>
    private let multigetKeysMin: UInt64
    private let multigetKeysSpan: UInt64

    init(_ mix: Mix) {
        choices = .allocate(capacity: Self.kindCount)
        let total = mix.weights.values.reduce(0, +)
        var sum = 0.0
        // Equal weights in a fixed order: a dictionary has none.
        let sorted = mix.weights.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
        for (index, (kind, weight)) in sorted.enumerated() {
            sum += weight
            (choices + index).initialize(to: Choice(upTo: UInt64((sum / total * 0x1p32).rounded()), kind: kind))
        }
        for index in (sorted.count - 1)..<Self.kindCount {
            (choices + index).initialize(to: Choice(upTo: 1 << 32, kind: sorted[sorted.count - 1].key))
        }
        multigetKeysMin = UInt64(mix.multigetKeys.lowerBound)
        multigetKeysSpan = UInt64(mix.multigetKeys.count)
    }

    func deallocate() { choices.deallocate() }

    @inline(__always)
    func kind(_ word: UInt64) -> OperationKind {
        let place = word &>> 32
        var choice = choices
        // The last choice goes up to 2^32.
        while place >= choice.pointee.upTo { choice += 1 }
        return choice.pointee.kind
    }

    @inline(__always)
    func keyCount(_ word: UInt64) -> UInt16 {
        UInt16(truncatingIfNeeded: multigetKeysMin &+ word.multipliedFullWidth(by: multigetKeysSpan).high)
    }
}
