import Glibc

extension Exhaustion {
    // MARK: Memory

    /// 400 MB, more than the cache may have.
    private static func fill(_ server: ServerUnderCheck) throws {
        try store(4000, of: 100_000, server)
        try require(try server.statistic("", "evictions") ?? 0 > 0, "400 MB were stored and nothing was evicted")
    }

    /// So many values, the last of which is there afterwards.
    static func store(_ count: Int, of bytes: Int, _ server: ServerUnderCheck) throws {
        let peer = try Peer(server.endpoint)
        let value = [UInt8](repeating: 0x78, count: bytes)
        for number in 0..<count {
            peer.send("set v\(number) 0 0 \(bytes)\r\n")
            peer.send(value)
            try peer.expect("\r\n", "STORED\r\n")
        }
        try peer.expect("get v\(count - 1)\r\n", "VALUE v\(count - 1) 0 \(bytes)\r\n")
    }

    /// The system gives less address space than the cache would like to reserve.
    static func addressSpace(_ program: String) throws -> String {
        let limit = 700_000
        let options = ["-m", "256", "-t", "2"]
        let usual = try ServerUnderCheck(program, options).memoryBytes("VmSize") >> 10
        try require(usual > limit, "without a limit it takes \(usual) KB of addresses: no trial")
        return try serve(program, options, prefix: "ulimit -v \(limit);", grace: 320) { server in
            let given = (try server.statistic("", "limit_maxbytes") ?? 0) >> 20
            try require(given == 256, "the cache has \(given) MB")
            try fill(server)
            var peers: [Peer] = []
            for _ in 0..<500 {
                let reader = try Peer(server.endpoint)
                reader.send("get v3999 v3998 v3997\r\n")
                peers.append(reader)
            }
            usleep(1_000_000)
            let taken = server.memoryBytes("VmSize") >> 10
            try require(taken <= limit, "it has \(taken) KB of addresses; the limit is \(limit)")
            withExtendedLifetime(peers) {}
            return
                "\(limit) KB of address space for -m 256, which else takes \(usual): 400 MB stored, 500 clients that "
                + "do not read"
        }
    }

    /// A control group has little more memory than the cache takes of its own accord (`--container`), and clients who
    /// do not read use the connection buffers up besides.
    static func memoryLimit(_ program: String) throws -> String {
        // What waits in their sockets counts as the group's, too: 200 KB each.
        let readerCount = 100
        guard let group = MemoryGroup(megabytes: 160) else {
            throw Skipped(description: "no control group can be made here")
        }
        defer { group.remove() }
        return try serve(program, ["--container", "-t", "2", "-c", "2000"], prefix: group.prefix, grace: 160) {
            server in
            let limit = (try server.statistic("", "limit_maxbytes") ?? 0) >> 20
            try require((60...100).contains(limit), "--container takes \(limit) MB of a limit of 160")
            try fill(server)
            let readers = try (0..<readerCount).map { _ in try Peer(server.endpoint) }
            let line = "get" + String(repeating: " v3999", count: 100) + "\r\n"
            for reader in readers { for _ in 0..<10 { reader.send(line) } }
            usleep(2_000_000)
            let resident = try server.state().residentBytes >> 20
            withExtendedLifetime(readers) {}
            try require(resident <= 160, "\(resident) MB are resident")
            return "160 MB for everything: it takes \(limit) for the cache; 400 MB stored, \(readerCount) clients that "
                + "do not read, \(resident) MB resident"
        }
    }

    // MARK: Disk

    /// The disk of the restart file is full.
    static func disk(_ program: String) throws -> String {
        guard getuid() == 0 else { throw Skipped(description: "only root can mount a small file system") }
        var template = Array("/tmp/martlet-exhaust.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Finding(description: "mkdtemp") }
        let folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer { rmdir(folder) }
        guard system("mount -t tmpfs -o size=24m martlet-exhaust \(folder) 2>/dev/null") == 0 else {
            throw Skipped(description: "no file system can be mounted here")
        }
        defer { _ = system("umount \(folder)") }
        try refusesToStart(program, "\(folder)/a")
        let served = try serve(
            program, ["-m", "8", "-I", "512k", "-t", "2", "-e", "\(folder)/b"]
        ) { server in
            takeAll(folder)
            let peer = try Peer(server.endpoint)
            peer.send("cache_memlimit 20\r\n")
            let reply = peer.receive(until: "\r\n")
            try require(!reply.hasPrefix("OK"), "a limit was raised for which there is no room on the disk")
            try fillSmall(server)
            return "a start refused with a sentence, and -m 8 on a full disk: 20 MB stored, a higher limit refused "
                + "(\(reply.dropLast(2)))"
        }
        _ = system("rm -f \(folder)/b \(folder)/b.meta \(folder)/rest")
        let stopped = try stopsOnFullDisk(program, "\(folder)/c", folder)
        return "\(served). \(stopped)"
    }

    /// A file system of 24 MB for a cache of 64: a failure, and a sentence about room.
    private static func refusesToStart(_ program: String, _ path: String) throws {
        defer { _ = system("rm -f \(path) \(path).meta") }
        do {
            _ = try ServerUnderCheck(program, ["-m", "64", "-e", path])
        } catch let refusal as ServerUnderCheck.NotStarted {
            try require(
                refusal.status == 1 && refusal.log.contains("cannot get"), "without room for its file: \(refusal)")
            return
        }
        throw Finding(description: "a server started without room for its file")
    }

    private static func takeAll(_ folder: String) {
        _ = system("cat /dev/zero >>\(folder)/rest 2>/dev/null")
    }

    /// 20 MB for a cache of 8.
    private static func fillSmall(_ server: ServerUnderCheck) throws { try store(400, of: 50_000, server) }

    /// A planned stop when there is no room for FILE.meta: the server says so and ends, nothing of it is left, and the
    /// next one, which has room again, starts empty.
    private static func stopsOnFullDisk(_ program: String, _ path: String, _ folder: String) throws -> String {
        let options = ["-m", "8", "-I", "512k", "-t", "2", "-e", path]
        var server = try ServerUnderCheck(program, options)
        try fillSmall(server)
        takeAll(folder)
        // Whatever the file gives back meanwhile is taken, too.
        let log = try server.stopGracefully { takeAll(folder) }
        try require(
            log.contains("cannot write \(path).meta") && log.contains("the next server will start with an empty cache"),
            "on a full disk a planned stop says \(log.debugDescription)")
        for rest in [".meta", ".meta.tmp"] {
            try require(access(path + rest, F_OK) != 0, "\(path)\(rest) is left of a stop that found no room for it")
        }
        unlink("\(folder)/rest")
        server = try ServerUnderCheck(program, options)
        let held = try server.statistic("", "curr_items") ?? -1
        try require(held == 0, "the next server starts with \(held) items")
        try Peer(server.endpoint).expect("get v399\r\n", "END\r\n")
        try require(
            server.log.contains("starting with an empty cache"), "the next server says \(server.log.debugDescription)")
        try fillSmall(server)
        return "A planned stop without room for FILE.meta: it says so, and the next server starts empty"
    }
}
