import Glibc
import Synchronization

extension Exhaustion {
    /// What may be resident beyond what was before, at the most: a large answer, and some more.
    private static let datagramGrowthBytesMax = 16 << 20

    /// Floods of datagrams, one kind after the other (`-U`): requests whose answers nobody reads, or whose sender has
    /// gone, and what is no request. Meanwhile small requests are answered over TCP, and over UDP.
    static func datagrams(_ program: String) throws -> String {
        let (port, udpPort) = (try Endpoint.freePort(), try Endpoint.freePort(SOCK_DGRAM))
        let options = ["-l", "127.0.0.1", "-p", "\(port)", "-U", "\(udpPort)", "-t", "2", "-m", "64"]
        return try serve(program, options, at: .port(port)) { server in
            try store(1, of: 1_000_000, server)
            try Peer(server.endpoint).expect("set small 0 0 2\r\nhi\r\n", "STORED\r\n")
            let before = try server.state().residentBytes
            server.forgetPeak()
            let told = try Flood.all.map { try $0.run(server, udpPort) }
            let growth = server.memoryBytes("VmHWM") - before
            try require(growth <= datagramGrowthBytesMax, "\(growth >> 20) MB more at the peak for datagrams")
            return "floods one after the other: \(told.joined(separator: ", ")); \(growth >> 20) MB more at the peak"
        }
    }
}

/// One kind of datagrams, many of them.
private struct Flood {
    let name: String
    /// The datagram of a number.
    let datagram: @Sendable (_ number: Int) -> [UInt8]
    /// Whether it is answered; nil where this depends.
    var isAnswered: Bool?
    /// How many are sent one after the other, from one socket; and the pause that follows.
    var burst = 50
    var pauseMicroseconds: UInt32 = 1000
    var seconds = 1
    /// Whether the server keeps up with them. If not, most are lost, and small ones among them; these are then asked
    /// for once it is over.
    var isKeptUpWith = true

    /// How long somebody who asks again and again may be without an answer.
    private static let patienceMilliseconds = 2000
    /// The same when it has to be seen first that nobody floods any more: what has come before is answered before.
    private static let afterwardsMilliseconds = 5000

    static var all: [Flood] {
        let good = Array("get small\r\n".utf8)
        let large = Array("get v0\r\n".utf8)
        let tooLarge = Array(("get" + String(repeating: " v0", count: 300) + "\r\n").utf8)
        let unfinished = Array("set torn 0 0 100\r\nxyz".utf8)
        let random = (0..<1 << 16).map { _ in UInt8.random(in: 0...255) }
        @Sendable func head(_ number: Int) -> [UInt8] { DatagramPeer.head(number) }
        return [
            Flood(name: "good", datagram: { head($0) + good }, isAnswered: true),
            Flood(name: "torn heads", datagram: { Array(head($0).prefix($0 % 9)) }, isAnswered: false),
            Flood(name: "unfinished", datagram: { head($0) + unfinished }, isAnswered: false),
            Flood(
                name: "parts of several", datagram: { DatagramPeer.head($0, part: UInt8($0 % 3), of: 3) + good },
                isAnswered: false),
            Flood(name: "random") { number in
                let start = number &* 7919 % 60_000
                return (number % 2 == 0 ? head(number) : []) + random[start..<start + 1 + number % 1300]
            },
            Flood(name: "too large", datagram: { head($0) + tooLarge }, isAnswered: false, burst: 5),
            Flood(
                name: "large", datagram: { head($0) + large }, isAnswered: true, burst: 2, pauseMicroseconds: 20_000),
            Flood(
                name: "large beyond measure", datagram: { head($0) + large }, burst: 10, seconds: 3,
                isKeptUpWith: false),
        ]
    }

    /// How many were sent, and the longest that a small request waited.
    func run(_ server: ServerUnderCheck, _ port: UInt16) throws -> String {
        let before = try server.statistic("", "bytes_read") ?? 0
        let flooder = try Flooder(self, port)
        defer { flooder.stop() }
        let end = Peer.now + seconds * 1_000_000
        var (number, longest) = (0, 0)
        while Peer.now < end {
            if isKeptUpWith { longest = max(longest, try ask(port, number, within: Self.patienceMilliseconds)) }
            number += 1
            usleep(2000)
        }
        flooder.stop()
        longest = max(longest, try ask(port, number, within: Self.afterwardsMilliseconds))
        let bytes = (try server.statistic("", "bytes_read") ?? 0) - before
        try require(
            !isKeptUpWith || bytes >= flooder.sentBytes / 4,
            "of \(flooder.sentBytes) bytes the server has read \(bytes): no trial")
        let hasAnswer = flooder.hasAnswer()
        try require(isAnswered != true || hasAnswer, "none of them is answered")
        try require(isAnswered != false || !hasAnswer, "they are answered")
        return "\(flooder.sentCount) \(name), the slowest small request \(longest / 1000) ms"
    }

    private func ask(_ port: UInt16, _ number: Int, within milliseconds: Int) throws -> Int {
        do {
            return try DatagramPeer.ask(port, number, within: milliseconds)
        } catch {
            throw Exhaustion.Finding(description: "datagrams, \(name): \(error)")
        }
    }

    private func require(_ isRight: Bool, _ what: @autoclosure () -> String) throws {
        try Exhaustion.require(isRight, "datagrams, \(name): \(what())")
    }
}

/// Sends a flood's datagrams until it is told to stop. Where they may be answered each burst has a socket of its own,
/// and soon nobody is there any more whom the answers would reach.
private final class Flooder: Sendable {
    private struct Sent {
        var peers: [DatagramPeer]
        var count = 0
        var bytes = 0
    }

    private let isStopping = Atomic<Bool>(false)
    private let sent: Mutex<Sent>
    private let thread = Mutex<BackgroundThread?>(nil)

    private static let peerCount = 8

    init(_ flood: Flood, _ port: UInt16) throws {
        sent = Mutex(Sent(peers: try (0..<Self.peerCount).map { _ in try DatagramPeer(port: port) }))
        thread.withLock { $0 = BackgroundThread { self.run(flood, port) } }
    }

    private func run(_ flood: Flood, _ port: UInt16) {
        var number = 0
        while !isStopping.load(ordering: .relaxed) {
            sent.withLock { sent in
                let place = number / flood.burst % Self.peerCount
                if flood.isAnswered != false, let peer = try? DatagramPeer(port: port) { sent.peers[place] = peer }
                for _ in 0..<flood.burst {
                    let datagram = flood.datagram(number)
                    sent.peers[place].send(datagram)
                    sent.bytes += datagram.count
                    number += 1
                }
                sent.count = number
            }
            usleep(flood.pauseMicroseconds)
        }
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        thread.withLock { $0.take() }?.join()
    }

    // MARK: When it has stopped

    var sentCount: Int { sent.withLock(\.count) }
    var sentBytes: Int { sent.withLock(\.bytes) }

    /// Whether a datagram has come to one of the sockets that are left, after some time at the latest.
    func hasAnswer() -> Bool {
        sent.withLock { sent in sent.peers.contains { $0.receive(withinMilliseconds: 100) != nil } }
    }
}
