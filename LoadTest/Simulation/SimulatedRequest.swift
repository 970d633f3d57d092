/// One request as a model of a cache needs it.
package struct SimulatedRequest: BitwiseCopyable, Sendable {
    package enum Kind: UInt8, BitwiseCopyable, Sendable {
        /// A read; a miss is the end of it.
        case read
        /// A read; a miss is followed by a store.
        case readThrough
        case store
        /// A store only where there is no item.
        case add
        /// A store only where there is one.
        case replace
        case delete
    }

    package var kind: Kind
    package var keyBytes: UInt8
    /// Dense: models use it as an index.
    package var key: UInt32
    package var valueBytes: UInt32
    /// Of what is stored; 0 is for ever.
    package var secondsToLive: UInt32
    /// The server's second, at least 2.
    package var second: UInt32

    package init(
        _ kind: Kind, key: UInt32, valueBytes: UInt32, keyBytes: UInt8 = 20, secondsToLive: UInt32 = 0,
        second: UInt32 = 2
    ) {
        self.kind = kind
        self.keyBytes = keyBytes
        self.key = key
        self.valueBytes = valueBytes
        self.secondsToLive = secondsToLive
        self.second = second
    }

    /// The second at which what is stored now expires; 0 for never.
    var expiry: UInt32 { secondsToLive == 0 ? 0 : second &+ secondsToLive }
}

/// Requests in a row, and how far their keys reach.
package struct RequestBatch: Sendable {
    package static let requestsMax = 16 * 1024

    package private(set) var requests: [SimulatedRequest] = []
    /// Above every key of this and all earlier batches.
    package private(set) var keysEnd: UInt32 = 0

    package init() { requests.reserveCapacity(Self.requestsMax) }

    package var count: Int { requests.count }

    package mutating func append(_ request: SimulatedRequest) {
        requests.append(request)
        keysEnd = max(keysEnd, request.key + 1)
    }

    package mutating func removeAll() { requests.removeAll(keepingCapacity: true) }
}
