/// Which keys are asked for how often.
///
///     uniform        all alike
///     zipf:0.99      the k-th most popular key in proportion to k^-0.99; any exponent above 0
///     hot:0.1,0.9    a tenth of the keys gets nine tenths of the operations
///     sequential     one after the other, round and round
///     latest:0.99    the newest key is the most popular one; stores write the next newer one
///
/// and, joined by `+`, what happens to it over time:
///
///     +drift:100/10000   after each 10,000 operations the popularity moves on by 100 keys
///     +drift:100/5s      the same each 5 seconds
///     +scan:0.05         5 % of the operations walk once over all keys, in order, again and again
///     +scan:0.05,1000000 the same over a million further keys that nobody else asks for
package struct Popularity: Sendable, Equatable {
    package enum Shape: Sendable, Equatable {
        case uniform
        case zipf(exponent: Double)
        /// `keys` of the keys, 0...1, get `operations` of the operations, 0...1.
        case hotSet(keys: Double, operations: Double)
        case sequential
        case latest(exponent: Double)
    }

    package enum Period: Sendable, Equatable {
        case operations(UInt64)
        case nanoseconds(UInt64)
    }

    package struct Drift: Sendable, Equatable {
        package var keys: UInt64
        package var period: Period

        package init(keys: UInt64, period: Period) {
            self.keys = keys
            self.period = period
        }
    }

    package struct Scan: Sendable, Equatable {
        /// Of all operations, 0...1.
        package var share: Double
        /// Further keys of the scan's own; nil: it walks over the ordinary ones.
        package var furtherKeys: UInt64?

        package init(share: Double, furtherKeys: UInt64? = nil) {
            self.share = share
            self.furtherKeys = furtherKeys
        }
    }

    package var shape: Shape
    package var drift: Drift?
    package var scan: Scan?

    package init(_ shape: Shape, drift: Drift? = nil, scan: Scan? = nil) {
        self.shape = shape
        self.drift = drift
        self.scan = scan
    }

    package static let uniform = Popularity(.uniform)
}
