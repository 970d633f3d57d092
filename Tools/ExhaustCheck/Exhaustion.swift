import Glibc

/// What can be used up, and what is looked at meanwhile.
struct Exhaustion {
    let name: String
    let check: (_ program: String) throws -> String

    static var all: [Exhaustion] {
        [
            Exhaustion(name: "descriptors", check: descriptors), Exhaustion(name: "storm", check: storm),
            Exhaustion(name: "half-open", check: halfOpen), Exhaustion(name: "slow-readers", check: slowReaders),
            Exhaustion(name: "slow-writers", check: slowWriters), Exhaustion(name: "multigets", check: multigets),
            Exhaustion(name: "address-space", check: addressSpace),
            Exhaustion(name: "memory-limit", check: memoryLimit),
            Exhaustion(name: "disk", check: disk),
        ]
    }

    /// What a check found wrong.
    struct Finding: Error, CustomStringConvertible {
        let description: String
    }

    static func require(_ isRight: Bool, _ what: @autoclosure () -> String) throws {
        if !isRight { throw Finding(description: what()) }
    }

    /// Runs `body` against a server with small requests beside it. They must all have been answered, and afterwards
    /// everything must be as before.
    private static func serve(
        _ program: String, _ options: [String], prefix: String = "",
        grace megabytes: Int = 8, _ body: (ServerUnderCheck) throws -> String
    ) throws -> String {
        let server = try ServerUnderCheck(program, options, prefix: prefix)
        // Whoever asks first makes the server's buffers and its rare code resident.
        _ = try server.statistics()
        for _ in 0..<200 { try Peer(server.path).expect("get warm\r\n", "END\r\n") }
        let probe = try Probe(server.path)
        defer { withExtendedLifetime(probe) {} }
        let before = try server.state()
        let told = try body(server)
        let probed = probe.stop()
        let after = try server.settled(before, grace: megabytes << 20)
        try require(server.isRunning, "the server has ended")
        try require(
            probed.failures == 0, "\(probed.failures) of \(probed.count) small requests failed: \(probed.reason)")
        try require(
            after.connections <= before.connections && after.descriptors <= before.descriptors,
            "afterwards \(after), before \(before)")
        try require(
            after.residentBytes <= before.residentBytes + megabytes << 20,
            "afterwards \(after.residentBytes >> 20) MB resident, before \(before.residentBytes >> 20) MB")
        return "\(told); \(probed.count) small requests beside it, the longest \(probed.longestMicroseconds) µs; "
            + "resident before \(before.residentBytes >> 10) KB, after \(after.residentBytes >> 10) KB"
    }

    // MARK: Connections

    /// The server may open only some more descriptors than it has.
    private static func descriptors(_ program: String) throws -> String {
        try serve(program, ["-c", "1000", "-t", "2"]) { server in
            let limit = try server.state().descriptors + 50
            try require(
                system("prlimit --pid \(server.process) --nofile=\(limit)") == 0, "prlimit cannot lower the limit")
            var peers: [Peer] = []
            var refused = 0
            for _ in 0..<300 {
                let peer = try Peer(server.path)
                peer.send("mn\r\n")
                let reply = peer.receive(until: "\r\n")
                if reply == "MN\r\n" { peers.append(peer) } else { refused += 1 }
            }
            try require(peers.count >= 40 && refused >= 200, "\(peers.count) served, \(refused) refused")
            return "50 descriptors for 300 connections: \(peers.count) served, \(refused) refused"
        }
    }

    /// Connections come and go at and beyond `-c`.
    private static func storm(_ program: String) throws -> String {
        let limit = 200
        return try serve(program, ["-c", "\(limit)", "-t", "2"]) { server in
            var served = 0
            var refused = 0
            for _ in 0..<20 {
                var peers: [Peer] = []
                for _ in 0..<2 * limit {
                    let peer = try Peer(server.path)
                    peer.send("mn\r\n")
                    peers.append(peer)
                }
                for peer in peers {
                    switch peer.receive(until: "\r\n") {
                    case "MN\r\n": served += 1
                    case "ERROR Too many open connections\r\n", "": refused += 1
                    case let other: throw Finding(description: "answered \(other)")
                    }
                }
            }
            try require(served >= 20 * (limit - 20), "only \(served) of \(40 * limit) served")
            return "\(40 * limit) connections in 20 waves of twice -c \(limit): \(served) served, \(refused) refused"
        }
    }

    /// Connections that have sent half a command and then nothing.
    private static func halfOpen(_ program: String) throws -> String {
        let count = min(10_000, Peer.countMax - 200)
        return try serve(program, ["-c", "\(count + 100)", "-t", "2"]) { server in
            let before = try server.state().residentBytes
            let halves = ["get ha", "set a 0 0 1000\r\nxyz", "mg some", "set b 0 0 5", "g"]
            var peers: [Peer] = []
            for number in 0..<count {
                let peer = try Peer(server.path)
                peer.send(halves[number % halves.count])
                peers.append(peer)
            }
            try server.await("curr_connections", atLeast: count)
            let bytes = try server.state().residentBytes - before
            // Each can still end its command.
            for number in stride(from: 1, to: count, by: 97) where number % halves.count == 2 {
                try peers[number].expect("key v\r\n", "EN\r\n")
            }
            return "\(count) half-open connections, \(bytes / count) bytes each"
        }
    }

    // MARK: Buffers

    /// Clients that ask for much and read nothing.
    private static func slowReaders(_ program: String) throws -> String {
        // The cache itself keeps what is stored first, and what allocations were made of is kept for the next.
        try serve(program, ["-c", "2000", "-t", "2", "-m", "128"], grace: 32) { server in
            let large = try Peer(server.path)
            for number in 0..<8 {
                large.send("set l\(number) 0 0 1000000\r\n")
                large.send([UInt8](repeating: 0x78, count: 1_000_000))
                try large.expect("\r\n", "STORED\r\n")
            }
            large.send("set s 0 0 1500\r\n")
            large.send([UInt8](repeating: 0x79, count: 1500))
            try large.expect("\r\n", "STORED\r\n")
            let before = try server.state().residentBytes
            var peers: [Peer] = []
            for number in 0..<1000 {
                let peer = try Peer(server.path)
                let line =
                    number % 2 == 0
                    ? "get l0 l1 l2 l3 l4 l5 l6 l7\r\n" : "get" + String(repeating: " s", count: 500) + "\r\n"
                for _ in 0..<20 { peer.send(line) }
                peers.append(peer)
            }
            usleep(3_000_000)
            let growth = (try server.state().residentBytes - before) >> 20
            try require(growth < 64, "\(growth) MB more for clients that do not read")
            // A value asked for and read.
            try Peer(server.path).expect("get s\r\n", "VALUE s 0 1500\r\n")
            let kicks = try server.statistic("martlet", "buffer_budget_kicks") ?? 0
            return
                "1,000 clients that asked for 80 GB and 15 GB and read nothing: \(growth) MB more, \(kicks) of them closed"
        }
    }

    /// Clients that send much of a command and no more, or a byte at a time; and one that sends its commands in two
    /// pieces.
    private static func slowWriters(_ program: String) throws -> String {
        try serve(program, ["-c", "2000", "-t", "2", "-m", "64"], grace: 32) { server in
            let before = try server.state().residentBytes
            let list = Array(("get" + String(repeating: " abcdefgh", count: 3000)).utf8)
            var peers: [Peer] = []
            for number in 0..<1000 {
                let peer = try Peer(server.path)
                if number % 2 == 0 {
                    peer.send("set w\(number) 0 0 16000\r\n")
                    peer.send([UInt8](repeating: 0x78, count: 15_000))
                } else {
                    peer.send(list)
                }
                peers.append(peer)
                if number % 50 == 0 { try answersInPieces(server) }
            }
            for round in 0..<30 {
                for peer in peers { peer.send([0x78]) }
                try answersInPieces(server)
                if round % 10 == 0 { usleep(500_000) }
            }
            let growth = (try server.state().residentBytes - before) >> 20
            try require(growth < 64, "\(growth) MB more for commands that do not end")
            return "1,000 clients with 15 KB and more of a command, then a byte at a time: \(growth) MB more"
        }
    }

    /// Somebody else's commands arrive in two pieces, and are answered.
    private static func answersInPieces(_ server: ServerUnderCheck) throws {
        for _ in 0..<4 {
            let peer = try Peer(server.path)
            for _ in 0..<5 {
                peer.send("set piece 0 0 4\r\nab")
                usleep(2000)
                try peer.expect("cd\r\n", "STORED\r\n")
            }
        }
    }

    /// Every worker is busy with the longest lists of keys.
    private static func multigets(_ program: String) throws -> String {
        try serve(program, ["-t", "2"]) { server in
            let filler = try Peer(server.path)
            for number in 0..<1000 {
                try filler.expect("set key\(number) 0 0 10\r\n0123456789\r\n", "STORED\r\n")
            }
            let line = "get" + (0..<10_000).map { " key\($0 % 1000)" }.joined() + "\r\n"
            let busy = try (0..<8).map { _ in try Peer(server.path) }
            var answered = 0
            let end = Peer.now + 5_000_000
            // Each reads while the others are answered.
            let readers = busy.map { peer in
                BusyReader(peer, line) { Peer.now < end }
            }
            for reader in readers { answered += reader.finish() }
            try require(answered >= 8, "\(answered) lists were answered")
            return "8 connections with lists of 10,000 keys: \(answered) lists in 5 s"
        }
    }

    // MARK: Memory and disk

    /// The system gives less address space than the cache would like to reserve.
    private static func addressSpace(_ program: String) throws -> String {
        try serve(program, ["-m", "256", "-t", "2"], prefix: "ulimit -v 700000;", grace: 320) { server in
            let peer = try Peer(server.path)
            let value = [UInt8](repeating: 0x78, count: 100_000)
            for number in 0..<4000 {
                peer.send("set v\(number) 0 0 100000\r\n")
                peer.send(value)
                try peer.expect("\r\n", "STORED\r\n")
            }
            var peers: [Peer] = []
            for _ in 0..<500 {
                let reader = try Peer(server.path)
                reader.send("get v3999 v3998 v3997\r\n")
                peers.append(reader)
            }
            usleep(1_000_000)
            return "700 MB of address space for -m 256: 400 MB stored, 500 clients that do not read"
        }
    }

    /// A control group has little more memory than the cache takes of its own accord (`--container`), and clients who
    /// do not read use the connection buffers up besides.
    private static func memoryLimit(_ program: String) throws -> String {
        // What waits in their sockets counts as the group's, too: 200 KB each.
        let readerCount = 100
        guard let group = MemoryGroup(megabytes: 160) else { return "skipped: no control group can be made here" }
        defer { group.remove() }
        let told = try serve(program, ["--container", "-t", "2", "-c", "2000"], prefix: group.prefix, grace: 160) {
            server in
            let limit = (try server.statistic("", "limit_maxbytes") ?? 0) >> 20
            try require((60...100).contains(limit), "--container takes \(limit) MB of a limit of 160")
            let peer = try Peer(server.path)
            let value = [UInt8](repeating: 0x78, count: 100_000)
            for number in 0..<4000 {
                peer.send("set v\(number) 0 0 100000\r\n")
                peer.send(value)
                try peer.expect("\r\n", "STORED\r\n")
            }
            let readers = try (0..<readerCount).map { _ in try Peer(server.path) }
            let line = "get" + String(repeating: " v3999", count: 100) + "\r\n"
            for reader in readers { for _ in 0..<10 { reader.send(line) } }
            usleep(2_000_000)
            let resident = try server.state().residentBytes >> 20
            withExtendedLifetime(readers) {}
            return
                "160 MB for everything: it takes \(limit) for the cache; 400 MB stored, \(readerCount) clients that do not read, "
                + "\(resident) MB resident"
        }
        return told
    }

    /// The disk of the restart file is full.
    private static func disk(_ program: String) throws -> String {
        guard getuid() == 0 else { return "skipped: only root can mount a small file system" }
        var template = Array("/tmp/martlet-exhaust.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Finding(description: "mkdtemp") }
        let folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer { rmdir(folder) }
        guard system("mount -t tmpfs -o size=24m martlet-exhaust \(folder) 2>/dev/null") == 0 else {
            return "skipped: no file system can be mounted here"
        }
        defer { _ = system("umount \(folder)") }
        let tooLarge = try? ServerUnderCheck(program, ["-m", "64", "-e", "\(folder)/a"])
        try require(tooLarge == nil, "a server started without room for its file")
        unlink("\(folder)/a")
        unlink("\(folder)/a.meta")
        return try serve(program, ["-m", "8", "-I", "512k", "-t", "2", "-e", "\(folder)/b"]) { server in
            _ = system("dd if=/dev/zero of=\(folder)/rest bs=64k 2>/dev/null")
            let peer = try Peer(server.path)
            peer.send("cache_memlimit 20\r\n")
            let reply = peer.receive(until: "\r\n")
            try require(!reply.hasPrefix("OK"), "a limit was raised for which there is no room on the disk")
            let value = [UInt8](repeating: 0x78, count: 50_000)
            for number in 0..<400 {
                peer.send("set v\(number) 0 0 50000\r\n")
                peer.send(value)
                try peer.expect("\r\n", "STORED\r\n")
            }
            try peer.expect("get v399\r\n", "VALUE v399 0 50000\r\n")
            return
                "a start refused, and -m 8 on a full disk: 20 MB stored, a higher limit refused (\(reply.dropLast(2)))"
        }
    }
}
