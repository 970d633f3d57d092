import Glibc

extension Exhaustion {
    /// How those who came were received.
    struct Reception: CustomStringConvertible {
        var served = 0
        var told = 0
        var closed = 0
        var silent = 0

        mutating func add(_ answer: Peer.Answer) throws {
            switch answer {
            case .line("MN\r\n"): served += 1
            case .line("ERROR Too many open connections\r\n"): told += 1
            case .line(let other): throw Finding(description: "answered \(other.debugDescription)")
            case .closed: closed += 1
            case .silent: silent += 1
            }
        }

        /// Who is refused is told so: few are closed without a word, and nobody is left to wait.
        func requireTold(closedMax: Int) throws {
            try require(silent == 0, "\(silent) connections were neither served nor closed: \(self)")
            try require(closed <= closedMax, "more than \(closedMax) connections were closed without a word: \(self)")
        }

        var description: String { "\(served) served, \(told) refused with a word, \(closed) without one" }
    }

    /// The server may open only some more descriptors than it has.
    static func descriptors(_ program: String) throws -> String {
        try serve(program, ["-c", "1000", "-t", "2"]) { server in
            let limit = try server.state().descriptors + 50
            try require(
                system("prlimit --pid \(server.process) --nofile=\(limit)") == 0, "prlimit cannot lower the limit")
            var peers: [Peer] = []
            var reception = Reception()
            for _ in 0..<300 {
                let peer = try Peer(server.endpoint)
                peer.send("mn\r\n")
                let answer = peer.answer()
                try reception.add(answer)
                if answer == .line("MN\r\n") { peers.append(peer) }
            }
            withExtendedLifetime(peers) {}
            try require(reception.served >= 40, "of 50 descriptors too few were used: \(reception)")
            try require(reception.told >= 200, "\(reception)")
            try reception.requireTold(closedMax: 3)
            return "50 descriptors for 300 connections: \(reception)"
        }
    }

    /// Those of the wave before go first: nobody is refused for them.
    static func awaitDepartures(_ server: ServerUnderCheck, downTo before: Int) throws {
        for _ in 0..<500 {
            if let now = try server.statistic("", "curr_connections"), now <= before { return }
            usleep(10_000)
        }
    }

    /// Connections come and go at and beyond `-c`.
    static func storm(_ program: String) throws -> String {
        let limit = 200
        return try serve(program, ["-c", "\(limit)", "-t", "2"]) { server in
            let before = try server.state().connections
            var reception = Reception()
            for _ in 0..<20 {
                try awaitDepartures(server, downTo: before)
                var peers: [Peer] = []
                for _ in 0..<2 * limit {
                    let peer = try Peer(server.endpoint)
                    peer.send("mn\r\n")
                    peers.append(peer)
                }
                for peer in peers { try reception.add(peer.answer()) }
            }
            try require(reception.served >= 20 * (limit - 20), "too few were served: \(reception)")
            try reception.requireTold(closedMax: 40 * limit / 100)
            return "\(40 * limit) connections in 20 waves of twice -c \(limit): \(reception)"
        }
    }

    /// The same over TCP, where those who are refused are told before they have asked; of those who are served some
    /// leave by a reset in the middle of a value, and some say that they will send nothing more and want their answer.
    static func tcp(_ program: String) throws -> String {
        let limit = 200
        let port = try Endpoint.freePort()
        let options = ["-l", "127.0.0.1", "-p", "\(port)", "-c", "\(limit)", "-t", "2"]
        return try serve(program, options, at: .port(port)) { server in
            let before = try server.state().connections
            var reception = Reception()
            for _ in 0..<10 {
                try awaitDepartures(server, downTo: before)
                let peers = try (0..<2 * limit).map { _ in try Peer(server.endpoint) }
                // What is refused is so by now.
                usleep(300_000)
                for (number, peer) in peers.enumerated() {
                    if peer.hasAnswer(withinMilliseconds: 0) {
                        try reception.add(peer.answer())
                        continue
                    }
                    peer.send("mn\r\n")
                    if number % 3 == 0 { peer.endSending() }
                    try reception.add(peer.answer())
                    if number % 3 == 1 {
                        peer.send("set torn 0 0 100000\r\nxyz")
                        peer.leaveAbruptly()
                    }
                }
            }
            try require(reception.served >= 10 * (limit - 20), "too few were served: \(reception)")
            try reception.requireTold(closedMax: 20 * limit / 100)
            return "\(20 * limit) connections in 10 waves of twice -c \(limit): \(reception)"
        }
    }

    // MARK: Half-open

    /// What a client that has sent half a command may cost, buffers of the system's not counted.
    private static let halfOpenBytesMax = 1024
    /// The same for half a TLS hello: what OpenSSL has for a session, and for a packet that it waits for.
    private static let halfOpenTLSBytesMax = 64 << 10
    /// When a handshake that does not go on must have been given up: `Limits.negotiatingSecondsMax` and half as much.
    private static let handshakeSecondsMax = 15

    /// Connections that have sent half a command and then nothing. Each of them then ends its command.
    static func halfOpen(_ program: String) throws -> String {
        let wanted = 10_000
        let count = min(wanted, Peer.countMax - 200)
        let told = try serve(program, ["-c", "\(count + 100)", "-t", "2"]) { server in
            let before = try server.state().residentBytes
            let value = String(repeating: "x", count: 997)
            let halves = [
                ("get ha", "lf\r\n", "END\r\n"), ("set a 0 0 1000\r\nxyz", "\(value)\r\n", "STORED\r\n"),
                ("mg some", "key v\r\n", "EN\r\n"), ("set b 0 0 5", "\r\nhello\r\n", "STORED\r\n"),
                ("g", "et none\r\n", "END\r\n"),
            ]
            var peers: [Peer] = []
            for number in 0..<count {
                let peer = try Peer(server.endpoint)
                peer.send(halves[number % halves.count].0)
                peers.append(peer)
            }
            try server.await("curr_connections", atLeast: count)
            let bytes = try server.state().residentBytes - before
            try require(
                bytes <= count * halfOpenBytesMax,
                "\(bytes / count) bytes for each of \(count) half-open connections; allowed are \(halfOpenBytesMax)")
            for (number, peer) in peers.enumerated() {
                let (_, rest, reply) = halves[number % halves.count]
                try peer.expect(rest, reply)
            }
            return "\(count) half-open connections, \(bytes / count) bytes each; each has ended its command"
        }
        if count < wanted {
            throw Skipped(description: "only \(count) of \(wanted) descriptors are allowed here; \(told)")
        }
        return told
    }

    /// Clients of TLS that have sent half a hello and then nothing. They are given up in time, though they stay; and
    /// beside them a whole handshake is made.
    static func halfOpenTLS(_ program: String) throws -> String {
        let count = 500
        guard system("command -v openssl >/dev/null && command -v timeout >/dev/null") == 0 else {
            throw Skipped(description: "there is no openssl for a certificate and a whole handshake")
        }
        var template = Array("/tmp/martlet-exhaust.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Finding(description: "mkdtemp") }
        let folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer { _ = system("rm -rf \(folder)") }
        let made = system(
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout \(folder)/key -out \(folder)/chain -days 2 "
                + "-subj /CN=localhost 2>/dev/null")
        try require(made == 0, "openssl makes no certificate")
        let (plain, encrypted) = (try Endpoint.freePort(), try Endpoint.freePort())
        let options = [
            "-l", "notls:127.0.0.1:\(plain)", "-l", "127.0.0.1:\(encrypted)", "-c", "1000", "-t", "2", "-m", "16", "-Z",
            "-o", "ssl_chain_cert=\(folder)/chain,ssl_key=\(folder)/key",
        ]
        // What allocations were made of is kept for the next.
        return try serve(program, options, at: .port(plain), grace: 8 + (count * halfOpenTLSBytesMax) >> 20) {
            server in
            let before = try server.state()
            // A packet of 512 bytes with a hello of 508, of which 200 come.
            let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3] + [UInt8](repeating: 0x7A, count: 200)
            let begun = Peer.now
            let peers = try (0..<count).map { number in
                let peer = try Peer(.port(encrypted))
                peer.send(number % 4 == 0 ? Array(hello.prefix(3)) : hello)
                return peer
            }
            try server.await("curr_connections", atLeast: before.connections + count)
            let bytes = try server.state().residentBytes - before.residentBytes
            try require(
                bytes <= count * halfOpenTLSBytesMax,
                "\(bytes / count) bytes for each of \(count) halves of a hello; allowed are \(halfOpenTLSBytesMax)")
            let isServed = system(
                "(printf 'mn\\r\\n'; sleep 1) | timeout 10 openssl s_client -connect 127.0.0.1:\(encrypted) -quiet "
                    + "2>/dev/null | grep -q MN")
            try require(isServed == 0, "a whole handshake beside them is not served")
            while try server.state().connections > before.connections {
                try require(
                    Peer.now - begun < handshakeSecondsMax * 1_000_000,
                    "after \(handshakeSecondsMax) s handshakes that do not go on are still waited for")
            }
            withExtendedLifetime(peers) {}
            return "\(count) halves of a hello, \(bytes / count) bytes each, given up after "
                + "\((Peer.now - begun) / 1_000_000) s, a whole handshake between them"
        }
    }
}
