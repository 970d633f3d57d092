import Glibc

extension Exhaustion {
    /// One address comes with twice as many connections as it may have (`connections_per_address`), again and again, and
    /// leaves in every way there is. Each time it has all that it may have, and no more; those of other addresses get in
    /// meanwhile.
    static func oneAddress(_ program: String) throws -> String {
        let (limit, waveCount) = (50, 10)
        let port = try Endpoint.freePort()
        let options = ["-l", "127.0.0.1", "-p", "\(port)", "-o", "connections_per_address=\(limit)", "-t", "2"]
        return try serve(program, options, at: .port(port)) { server in
            let crowd = server.endpoint.from(2)
            let before = try server.state().connections
            var reception = Reception()
            for wave in 1...waveCount {
                try awaitDepartures(server, downTo: before)
                let peers = try (0..<2 * limit).map { _ in try Peer(crowd) }
                // What is refused is so by now.
                usleep(300_000)
                try receive(peers, &reception)
                try require(
                    reception.served == wave * limit,
                    "after \(wave) waves of \(2 * limit), of which \(limit) may be served each time: \(reception)")
                try Peer(crowd.from(3)).expect("mn\r\n", "MN\r\n")
                for (number, peer) in peers.enumerated() { leave(peer, number) }
            }
            try reception.requireTold(closedMax: waveCount * limit / 100)
            let counted = try server.statistic("", "rejected_connections") ?? 0
            try require(
                counted == waveCount * limit, "\(counted) refusals are counted; there were \(waveCount * limit)")
            try awaitDepartures(server, downTo: before)
            try Peer(crowd).expect("mn\r\n", "MN\r\n")
            return "\(waveCount) waves of \(2 * limit) connections from one address, which may have \(limit): "
                + "\(reception); other addresses served meanwhile"
        }
    }

    /// Who has not been told anything is asked for an answer.
    private static func receive(_ peers: [Peer], _ reception: inout Reception) throws {
        for peer in peers {
            if !peer.hasAnswer(withinMilliseconds: 0) { peer.send("mn\r\n") }
            try reception.add(peer.answer())
        }
    }

    /// Says that it sends no more, is reset in the middle of a value, asks to be closed, or sends what the server closes
    /// it for; the fifth just closes, later.
    private static func leave(_ peer: Peer, _ number: Int) {
        switch number % 5 {
        case 0: peer.endSending()
        case 1:
            peer.send("set torn 0 0 100000\r\nxyz")
            peer.leaveAbruptly()
        case 2: peer.send("quit\r\n")
        case 3: peer.send("get " + String(repeating: "k", count: 3000))
        default: break
        }
    }
}
