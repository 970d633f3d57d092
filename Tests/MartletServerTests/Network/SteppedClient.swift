import Glibc
import MartletServer
import Testing

/// A client of a `SteppedServer` over a socket pair: what it sends is read at once, as far as the server wants it.
final class SteppedClient {
    private let server: SteppedServer
    fileprivate let place: SteppedServer.Place
    private let descriptor: Int32
    /// The server's end.
    let serverDescriptor: Int32

    init(_ server: SteppedServer, worker: Int = 0) throws {
        var pair: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        try #require(socketpair(AF_UNIX, kind, 0, &pair) == 0)
        self.server = server
        descriptor = pair[1]
        serverDescriptor = pair[0]
        place = try #require(server.open(pair[0], on: worker))
    }

    deinit { close(descriptor) }

    var isOpen: Bool { server.isOpen(place) }

    /// Sends in pieces that one turn reads. What a connection that is closed does not take is forgotten.
    func send(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(60 << 10))
            let sent = Glibc.send(descriptor, piece, piece.count, Int32(MSG_NOSIGNAL))
            takeTurns()
            if sent <= 0 { return }
            rest = rest.dropFirst(sent)
        }
    }

    /// Sends what the socket takes of it, and lets nobody have a turn; the connection is due in the next round.
    func leave(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        server.setDue(place)
    }

    /// Goes away without a word; the connection is due in the next round.
    func leaveForGood() {
        _ = shutdown(descriptor, Int32(SHUT_RDWR))
        server.setDue(place)
    }

    /// Rounds until no worker has more to do, and one more for what they have told each other.
    private func takeTurns() {
        if isOpen, server.wants(place) == .input { server.setDue(place) }
        let workers = server.context.pointee.workerCounters.indices
        repeat {
            for worker in workers { server.round(of: worker) }
        } while workers.contains(where: server.hasWork)
        for worker in workers { server.round(of: worker) }
    }

    /// What has come since the last time.
    func reply() -> String {
        takeTurns()
        return replyAlready()
    }

    /// The same of what is there already, without a turn for anybody.
    func replyAlready() -> String {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }
}

extension SteppedServer {
    func wants(_ client: SteppedClient) -> Want { wants(client.place) }
}
