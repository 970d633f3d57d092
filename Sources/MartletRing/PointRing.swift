/// Points on a circle of 2^32 places, each a server's: a key goes to the server of the first point at or behind its
/// hash.
///
/// A point is one word, and the words are sorted:
///
///     bits   63          32 31           0
///           +--------------+--------------+
///           | place        | server index |      so that of two points in one place the lower index is first
///           +--------------+--------------+
///
/// Rules, libmemcached's:
/// 1. A server's points have the names `host-i`, i from 0, or `host:port-i` where the port is not 11211.
/// 2. In a weighted ring MD5 makes four points of each name, and a server has 4 x floor(w / sum x 40 x n + 1e-10)
///    points, worked out **in 32-bit floats**: 25 servers of equal weight get 156 points each, not 160.
/// 3. In an unweighted ring the key's hash makes one point of each of 100 names.
/// 4. Of two points in one place the server first in the list has it.
struct PointRing: Sendable {
    private let words: [UInt64]

    /// Rule 2.
    init(weighted servers: [RingServer]) {
        let total = Float(servers.reduce(into: UInt64(0)) { $0 += UInt64($1.weight) })
        var words: [UInt64] = []
        words.reserveCapacity(servers.count * 160)
        for (index, server) in servers.enumerated() {
            let share = Float(server.weight) / total
            let names = (share * 160 / 4 * Float(servers.count) + 0.0000000001).rounded(.down)
            let name = server.pointName
            for number in 0..<Int(names) {
                let digest = MD5("\(name)-\(number)").words
                for place in [digest.0, digest.1, digest.2, digest.3] { words.append(Self.word(place, index)) }
            }
        }
        self.words = words.sorted()
    }

    /// Rule 3.
    init(unweighted servers: [RingServer], hash: KeyHash) {
        var words: [UInt64] = []
        words.reserveCapacity(servers.count * 100)
        for (index, server) in servers.enumerated() {
            let name = server.pointName
            for number in 0..<100 { words.append(Self.word(hash.hash("\(name)-\(number)"), index)) }
        }
        self.words = words.sorted()
    }

    private static func word(_ place: UInt32, _ server: Int) -> UInt64 {
        UInt64(place) &<< 32 | UInt64(UInt32(truncatingIfNeeded: server))
    }

    var count: Int { words.count }

    /// Place and server of a point, by its rank on the circle.
    subscript(rank: Int) -> (place: UInt32, server: Int) {
        (UInt32(truncatingIfNeeded: words[rank] &>> 32), Int(UInt32(truncatingIfNeeded: words[rank])))
    }

    /// The rank of the first point at or behind `hash`; that of the first of all if there is none. O(log n).
    func rank(of hash: UInt32) -> Int {
        let wanted = UInt64(hash) &<< 32
        var low = 0
        var count = words.count
        while count > 0 {
            let half = count &>> 1
            if words[low &+ half] < wanted {
                low &+= half &+ 1
                count &-= half &+ 1
            } else {
                count = half
            }
        }
        return low == words.count ? 0 : low
    }

    /// Each server's share of the circle.
    func shares(_ serverCount: Int) -> [Double] {
        var shares = [Double](repeating: 0, count: serverCount)
        guard let last = words.last else { return shares }
        var before = UInt32(truncatingIfNeeded: last &>> 32)
        for rank in words.indices {
            let point = self[rank]
            // The places behind the point before, this one included; all of them if there is only one point.
            let places = words.count == 1 ? 4_294_967_296 : Double(point.place &- before)
            shares[point.server] += places / 4_294_967_296
            before = point.place
        }
        return shares
    }
}
