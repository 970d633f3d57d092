import Glibc

/// A UDP socket that asks the server. Nothing of it blocks.
final class DatagramPeer: @unchecked Sendable {
    // Sendable: used by one thread at a time.

    private let descriptor: Int32

    private static let atOnce = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)

    init(port: UInt16) throws { descriptor = try Endpoint.port(port).connect(patienceSeconds: 1, kind: SOCK_DGRAM) }

    deinit { close(descriptor) }

    /// What stands in front of a request: its number, and which part of how many it is.
    static func head(_ number: Int, part: UInt8 = 0, of count: UInt8 = 1) -> [UInt8] {
        [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number), 0, part, 0, count, 0, 0]
    }

    /// One datagram, if the system takes it.
    func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Self.atOnce) }

    /// The next datagram, if one comes within so long.
    func receive(withinMilliseconds patience: Int32) -> [UInt8]? {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&wanted, 1, patience) == 1 else { return nil }
        var room = [UInt8](repeating: 0, count: 1 << 11)
        let count = recv(descriptor, &room, room.count, Self.atOnce)
        return count < 0 ? nil : Array(room.prefix(count))
    }

    /// A small request of a client of its own, made again and again until it is answered, as UDP wants it. Returns the
    /// microseconds that took.
    static func ask(_ port: UInt16, _ number: Int, within patienceMilliseconds: Int) throws -> Int {
        let peer = try DatagramPeer(port: port)
        let start = Peer.now
        while Peer.now - start < patienceMilliseconds * 1000 {
            peer.send(head(number) + Array("mg small v\r\n".utf8))
            // Other heads are of answers to whoever had this port just before.
            guard let reply = peer.receive(withinMilliseconds: retryMilliseconds), reply.starts(with: head(number))
            else { continue }
            try Exhaustion.require(
                reply == head(number) + Array("VA 2\r\nhi\r\n".utf8), "a small request over UDP was answered \(reply)")
            return Peer.now - start
        }
        throw Exhaustion.Finding(description: "no small request over UDP is answered within \(patienceMilliseconds) ms")
    }

    private static let retryMilliseconds: Int32 = 50
}
