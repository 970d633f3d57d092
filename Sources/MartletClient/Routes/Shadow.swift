import Synchronization

/// Another cache that gets the same calls, or a part of them: to try servers, a version or a size of pool with real
/// work, while nobody waits for it and nobody sees what it answers.
///
/// Rules:
/// 1. What is sent is what goes to the cache itself; stores that depend on a version go as plain ones, since versions
///    differ.
/// 2. Beyond `callsMax` calls under way the rest is left out: a slow shadow costs nothing but its own completeness.
public final class Shadow: Sendable {
    private let cache: CacheClient
    private let share: Double
    private let callsMax: Int
    private let underWay = Atomic<Int>(0)
    private let left = Atomic<Int>(0)

    /// - Parameter share: Which part of the keys goes there, 0...1: the same keys always.
    public init(_ cache: CacheClient, share: Double = 1, callsMax: Int = 1000) {
        self.cache = cache
        self.share = share
        self.callsMax = callsMax
    }

    /// Calls that were left out by rule 2.
    public var leftOut: Int { left.load(ordering: .relaxed) }

    func send(_ requests: [CacheRequest], timeout: Duration) {
        let mine = requests.filter { $0.key.isIn(share: share) }.map(Self.plain)
        guard !mine.isEmpty else { return }
        guard underWay.add(mine.count, ordering: .relaxed).newValue <= callsMax else {
            underWay.subtract(mine.count, ordering: .relaxed)
            left.add(mine.count, ordering: .relaxed)
            return
        }
        cache.core.tasks.begin { [self] in
            _ = await cache.timeout(timeout).askHere(mine)
            underWay.subtract(mine.count, ordering: .relaxed)
        }
    }

    /// Rule 1.
    private static func plain(_ request: CacheRequest) -> CacheRequest {
        var request = request
        request.expectedToken = nil
        return request
    }
}

extension CacheClient {
    /// The same cache, with another one that gets the same calls. See `Shadow`.
    public func shadowed(by shadow: Shadow) -> CacheClient {
        var view = self
        view.route = .shadowed(shadow)
        return view
    }
}

extension CacheKey {
    /// Whether the key is among so many of all: the same ones in all processes.
    func isIn(share: Double) -> Bool {
        guard share < 1 else { return true }
        var sum: UInt32 = 0x811C_9DC5
        for byte in bytes { sum = (sum ^ UInt32(byte)) &* 0x0100_0193 }
        sum = (sum ^ sum >> 15) &* 0x85EB_CA6B
        return Double(sum ^ sum >> 13) < share * 4_294_967_296
    }
}
