import Glibc

/// How long an HTTP server's clients have been connected for nothing, and who of them has to go.
///
/// libevent closes who is silent, but a byte now and then is enough for it. So:
///
/// 1. A connection without a whole request for `requestNanosecondsMax`, since it came or since its last one, goes: it
///    sends too slowly, does not read its reply, or keeps a place that others want.
/// 2. Of more than `countMax` connections those go that have been without one the longest, but none before the loop had
///    a few turns for what it sent: who asks as soon as they are connected is served, whatever others do.
/// 3. While there are too many, no more are taken.
///
/// Connections are known by their descriptor and its socket's number in the system: descriptors are given again.
struct HTTPConnections {
    private struct Connection {
        let descriptor: Int32
        let socket: UInt64
        /// When it came, or when it last asked for something.
        var since: UInt64
        /// How often it has been looked at.
        var lookCount = 0
        var isLeaving = false
    }

    private let countMax: Int
    private let requestNanosecondsMax: UInt64
    /// The latest last.
    private var connections: [Connection] = []
    /// Somebody has to go, but for rule 2's turns.
    private(set) var isDeferring = false
    /// In a turn libevent gets to tens of connections at first, then to twice as many each.
    private static let lookCountMin = 6

    init(countMax: Int, requestNanosecondsMax: UInt64) {
        self.countMax = countMax
        self.requestNanosecondsMax = requestNanosecondsMax
    }

    var count: Int { connections.count }
    /// Rule 3.
    var areTooMany: Bool { connections.count > countMax }

    /// Takes note of the connections there are; a descriptor may come twice. Returns whose have to be shut down.
    mutating func look(_ descriptors: [Int32], now: UInt64) -> [Int32] {
        let open = Dictionary(descriptors.map { ($0, Self.socket($0)) }) { first, _ in first }
        connections.removeAll { open[$0.descriptor] != $0.socket }
        let known = Set(connections.map(\.descriptor))
        for (descriptor, socket) in open.sorted(by: { $0.key < $1.key }) where !known.contains(descriptor) {
            connections.append(Connection(descriptor: descriptor, socket: socket, since: now))
        }
        return leave(now: now)
    }

    /// Rules 1 and 2.
    private mutating func leave(now: UInt64) -> [Int32] {
        var surplus = connections.count - countMax
        var leaving: [Int32] = []
        isDeferring = false
        for index in connections.indices {
            connections[index].lookCount += 1
            let isLate = now >= connections[index].since &+ requestNanosecondsMax
            guard isLate || surplus > 0 else { continue }
            if !isLate, connections[index].lookCount < Self.lookCountMin {
                isDeferring = true
                continue
            }
            surplus -= 1
            if connections[index].isLeaving { continue }
            connections[index].isLeaving = true
            leaving.append(connections[index].descriptor)
        }
        return leaving
    }

    mutating func noteRequest(_ descriptor: Int32, now: UInt64) {
        // One that came and asked in the same turn has not been seen yet.
        guard let index = connections.firstIndex(where: { $0.descriptor == descriptor }) else { return }
        var connection = connections.remove(at: index)
        connection.since = now
        connections.append(connection)
    }

    private static func socket(_ descriptor: Int32) -> UInt64 {
        var facts = stat()
        return fstat(descriptor, &facts) == 0 ? UInt64(facts.st_ino) : 0
    }
}
