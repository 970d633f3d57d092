import Glibc

extension Exhaustion {
    /// What all connections may keep by the server's own count, an eighth more for those who hold little, and what two
    /// workers ask for before they are refused it.
    private static let copiedBytesMax = (32 + 4 + 1) << 20
    /// What may be resident beyond what was before, at the most: that, and what allocations cost besides.
    private static let growthBytesMax = 48 << 20
    /// How long a value of somebody who sends may wait while others hold all room for values that are arriving.
    private static let storeSecondsMax = 15

    /// The most that was seen of what a server keeps.
    private struct Peak {
        var held = Held()

        mutating func look(_ server: ServerUnderCheck) throws {
            let now = try Held(server)
            held.copiedBytes = max(held.copiedBytes, now.copiedBytes)
            held.leasedBytes = max(held.leasedBytes, now.leasedBytes)
            held.reservedBytes = max(held.reservedBytes, now.reservedBytes)
        }
    }

    /// Clients that ask for much and read nothing.
    static func slowReaders(_ program: String) throws -> String {
        // The cache itself keeps what is stored first, and what allocations were made of is kept for the next.
        try serve(program, ["-c", "2000", "-t", "2", "-m", "128"], grace: 32) { server in
            let large = try Peer(server.endpoint)
            for number in 0..<8 {
                large.send("set l\(number) 0 0 1000000\r\n")
                large.send([UInt8](repeating: 0x78, count: 1_000_000))
                try large.expect("\r\n", "STORED\r\n")
            }
            large.send("set s 0 0 1500\r\n")
            large.send([UInt8](repeating: 0x79, count: 1500))
            try large.expect("\r\n", "STORED\r\n")
            let before = try server.state().residentBytes
            server.forgetPeak()
            var peak = Peak()
            var peers: [Peer] = []
            for number in 0..<1000 {
                let peer = try Peer(server.endpoint)
                let line =
                    number % 2 == 0
                    ? "get l0 l1 l2 l3 l4 l5 l6 l7\r\n" : "get" + String(repeating: " s", count: 500) + "\r\n"
                for _ in 0..<20 { peer.send(line) }
                peers.append(peer)
                if number % 20 == 0 { try peak.look(server) }
            }
            for _ in 0..<60 {
                usleep(50_000)
                try peak.look(server)
            }
            withExtendedLifetime(peers) {}
            let growth = server.memoryBytes("VmHWM") - before
            try require(growth <= growthBytesMax, "\(growth >> 20) MB more at the peak for clients that do not read")
            try require(peak.held.copiedBytes > 0, "the clients that do not read have cost nothing: no trial")
            try require(peak.held.copiedBytes <= copiedBytesMax, "the server kept \(peak.held)")
            // Half of the cache, and what two workers ask for before they are refused it.
            try require(peak.held.leasedBytes <= 68 << 20, "the server kept \(peak.held)")
            // A value asked for and read.
            try Peer(server.endpoint).expect("get s\r\n", "VALUE s 0 1500\r\n")
            let kicks = try server.statistic("martlet", "buffer_budget_kicks") ?? 0
            return
                "1,000 clients that asked for 80 GB and 7 GB and read nothing: \(growth >> 20) MB more at the peak, "
                + "\(peak.held); \(kicks) of them closed"
        }
    }

    // MARK: Slow writers

    /// Clients that send much of a command and no more, or a byte at a time; and one that sends its commands in two
    /// pieces. Then the same with large values, and one that wants to store its own.
    static func slowWriters(_ program: String) throws -> String {
        let small = try serve(program, ["-c", "2000", "-t", "2", "-m", "64"], grace: 32) { server in
            let before = try server.state().residentBytes
            server.forgetPeak()
            let list = Array(("get" + String(repeating: " abcdefgh", count: 3000)).utf8)
            var peak = Peak()
            var peers: [Peer] = []
            for number in 0..<1000 {
                let peer = try Peer(server.endpoint)
                if number % 2 == 0 {
                    peer.send("set w\(number) 0 0 16000\r\n")
                    peer.send([UInt8](repeating: 0x78, count: 15_000))
                } else {
                    peer.send(list)
                }
                peers.append(peer)
                if number % 50 == 0 {
                    try answersInPieces(server)
                    try peak.look(server)
                }
            }
            for round in 0..<30 {
                for peer in peers { peer.send([0x78]) }
                try answersInPieces(server)
                try peak.look(server)
                if round % 10 == 0 { usleep(500_000) }
            }
            let growth = server.memoryBytes("VmHWM") - before
            try require(growth <= growthBytesMax, "\(growth >> 20) MB more at the peak for commands that do not end")
            try require(peak.held.copiedBytes <= copiedBytesMax, "the server kept \(peak.held)")
            return "1,000 clients with 15 KB and more of a command, then a byte at a time: \(growth >> 20) MB more at "
                + "the peak, \(peak.held)"
        }
        // What was taken for their values is the cache's afterwards.
        let large = try serve(program, ["-c", "2000", "-t", "2", "-m", "64"], grace: 64, largeValues)
        return "\(small). \(large)"
    }

    /// Somebody else's commands arrive in two pieces, and are answered.
    private static func answersInPieces(_ server: ServerUnderCheck) throws {
        for _ in 0..<4 {
            let peer = try Peer(server.endpoint)
            for _ in 0..<5 {
                peer.send("set piece 0 0 4\r\nab")
                usleep(2000)
                try peer.expect("cd\r\n", "STORED\r\n")
            }
        }
    }

    /// Nearly all of more large values than may be arriving at a time, which go on by a byte a second, so that no
    /// client is silent. A value of 100 KB, of somebody who sends all of it, is to be stored nevertheless.
    private static func largeValues(_ server: ServerUnderCheck) throws -> String {
        let count = 24
        var sent = 0
        var peak = Peak()
        var peers: [Peer] = []
        for number in 0..<count {
            let peer = try Peer(server.endpoint)
            let command = Array("set d\(number) 0 0 1000000\r\n".utf8) + [UInt8](repeating: 0x78, count: 990_000)
            // Those for whom there is no room are not read.
            sent += peer.send(command, patienceMilliseconds: 300)
            peers.append(peer)
            try peak.look(server)
            // None of them is ever silent for as long as makes it a stalled one.
            for peer in peers { peer.drip() }
        }
        let room = peak.held.reservedBytes
        try require(room >= 12 << 20, "the large values hold only \(room >> 20) MB: no trial")
        var longest = 0
        for number in 0..<3 {
            let writer = try Peer(server.endpoint)
            let start = Peer.now
            writer.send("set big\(number) 0 0 100000\r\n")
            writer.send([UInt8](repeating: 0x79, count: 100_000) + [13, 10])
            while !writer.hasAnswer(withinMilliseconds: 1000) {
                for peer in peers { peer.drip() }
                try require(
                    Peer.now - start < storeSecondsMax * 1_000_000,
                    "a value of 100 KB is not stored within \(storeSecondsMax) s beside \(count) of 1 MB that drip")
            }
            try writer.expect("", "STORED\r\n")
            longest = max(longest, Peer.now - start)
            try writer.expect("get big\(number)\r\n", "VALUE big\(number) 0 100000\r\n")
        }
        return "\(count) values of 1 MB that go on by a byte a second, \(sent >> 20) MB of them sent, \(room >> 20) MB "
            + "held: three values of 100 KB stored, the slowest after \(longest / 1000) ms"
    }

    // MARK: Long lists

    /// Every worker is busy with the longest lists of keys.
    static func multigets(_ program: String) throws -> String {
        try serve(program, ["-t", "2"]) { server in
            let filler = try Peer(server.endpoint)
            for number in 0..<1000 {
                try filler.expect("set key\(number) 0 0 10\r\n0123456789\r\n", "STORED\r\n")
            }
            let line = "get" + (0..<10_000).map { " key\($0 % 1000)" }.joined() + "\r\n"
            let busy = try (0..<8).map { _ in try Peer(server.endpoint) }
            let end = Peer.now + 5_000_000
            // Each reads while the others are answered.
            let answered = busy.map { peer in BusyReader(peer, line) { Peer.now < end } }.map { $0.finish() }
            try require(answered.allSatisfy { $0 > 0 }, "of each one's lists were answered \(answered)")
            return "8 connections with lists of 10,000 keys: \(answered.reduce(0, +)) lists in 5 s"
        }
    }
}
