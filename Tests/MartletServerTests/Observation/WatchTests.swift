import Glibc
import MartletServer
import ServerTesting
import Testing

/// Goal: watchers are told what happens, in memcached's words, and nobody who serves waits for one.
@Suite("Watchers")
struct WatchTests {
    /// A connection that watches.
    private static func watcher(_ server: TestServer, _ words: String) throws -> TestClient {
        let watcher = try server.client()
        #expect(try watcher.exchange("watch \(words)\r\n", "OK\r\n"))
        return watcher
    }

    private static func line(_ client: TestClient) throws -> String {
        var bytes: [UInt8] = []
        while bytes.last != 0x0A, let byte = try client.receiveSome(1).first { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The next line, without its time, its number and the numbers of class and connection.
    private static func fact(_ watcher: TestClient) throws -> String {
        try line(watcher)
            .replacing(#/^ts=\d+\.\d+ gid=\d+ /#, with: "").replacing(#/ (clsid|cfd)=\d+/#, with: "")
            .replacing("\n", with: "")
    }

    private static func stat(_ client: TestClient, _ name: String) throws -> Int? {
        try client.send("stats\r\n")
        var value: Int?
        while true {
            let words = try line(client).split(whereSeparator: \.isWhitespace)
            guard words.count == 3 else { return value }
            if words[1] == name { value = Int(words[2]) }
        }
    }

    @Test("may ask for more memory than there is: then the server says so, and does not start")
    func roomless() throws {
        let error = #expect(throws: StartError.self) {
            try TestServer.onUnixSocket { $0.workerLogBufferBytes = 1 << 60 }
        }

        #expect(error?.message.hasPrefix("-o worker_logbuf_size: the system has no 1125899906842624 KB") == true)
        #expect(error?.status == 71)
    }

    @Test("of fetchers are told every look-up and what it found")
    func fetchers() throws {
        // The crawler might take what has expired before it is asked for.
        let server = try TestServer.onUnixSocket { ($0.allowsTestCommands, $0.lruCrawler) = (true, false) }
        let watcher = try Self.watcher(server, "")
        let client = try server.client()

        #expect(try client.exchange("set vfoo 0 300 4\r\nvbar\r\n", "STORED\r\n"))
        #expect(try client.exchange("get vfoo\r\nget no\r\nmn\r\n", "VALUE vfoo 0 4\r\nvbar\r\nEND\r\nEND\r\nMN\r\n"))
        #expect(try client.exchange("get a vfoo b\r\n", "VALUE vfoo 0 4\r\nvbar\r\nEND\r\n"))
        #expect(try client.exchange("mg dmZvbw== b\r\n", "HD\r\n"))
        #expect(try client.exchange("me no\r\n", "EN\r\n"))
        #expect(try client.exchange("debugtime 400\r\n", "OK\r\n"))
        #expect(eventually { server.context.pointee.clock.uptime >= 400 })
        #expect(try client.exchange("mg vfoo\r\n", "EN\r\n"))

        let told = try (0..<9).map { _ in try Self.fact(watcher) }
        #expect(
            told == [
                "type=item_get key=vfoo status=not_found size=0", "type=item_get key=vfoo status=found size=4",
                "type=item_get key=no status=not_found size=0", "type=item_get key=a status=not_found size=0",
                "type=item_get key=vfoo status=found size=4", "type=item_get key=b status=not_found size=0",
                "type=item_get key=vfoo status=found size=4", "type=item_get key=no status=not_found size=0",
                "type=item_get key=vfoo status=expired size=4",
            ])
    }

    @Test("of mutations are told every store, its command and its outcome")
    func mutations() throws {
        let server = try TestServer.onUnixSocket { $0.itemBytesMax = 1 << 20 }
        let watcher = try Self.watcher(server, "mutations")
        let client = try server.client()
        let large = String(repeating: "x", count: 40_000)
        let requests = [
            ("set a 0 100 1\r\n1\r\n", "STORED\r\n", "key=a status=stored cmd=set ttl=100 size=1"),
            ("add a 0 0 1\r\n1\r\n", "NOT_STORED\r\n", "key=a status=not_stored cmd=add ttl=0 size=1"),
            ("append a 0 0 2\r\n23\r\n", "STORED\r\n", "key=a status=stored cmd=append ttl=0 size=2"),
            ("cas a 0 0 1 0\r\n1\r\n", "EXISTS\r\n", "key=a status=exists cmd=cas ttl=0 size=1"),
            ("cas no 0 0 1 9\r\n1\r\n", "NOT_FOUND\r\n", "key=no status=not_found cmd=cas ttl=0 size=1"),
            ("ms b#c 1 MP N0\r\n1\r\n", "HD\r\n", "key=b%23c status=stored cmd=prepend ttl=0 size=1"),
            ("ms n 1 MA N50\r\n1\r\n", "HD\r\n", "key=n status=stored cmd=append ttl=50 size=1"),
            ("ms n 1 MA N60\r\n2\r\n", "HD\r\n", "key=n status=stored cmd=append ttl=0 size=1"),
            ("set l 0 0 40000\r\n\(large)\r\n", "STORED\r\n", "key=l status=stored cmd=set ttl=0 size=40000"),
        ]

        for (request, reply, _) in requests { #expect(try client.exchange(request, reply)) }
        try client.send("set h 0 0 2000000\r\n" + String(repeating: "x", count: 2_000_000) + "\r\n")
        #expect(try Self.line(client) == "SERVER_ERROR object too large for cache\r\n")

        for (_, _, fact) in requests { #expect(try Self.fact(watcher) == "type=item_store \(fact)") }
        #expect(
            try Self.fact(watcher) == "type=item_store key=h status=too_large cmd=set ttl=0 size=2000000")
    }

    @Test("of deletions are told which command deleted how much, and nothing of what was not there")
    func deletions() throws {
        let server = try TestServer.onUnixSocket()
        let watcher = try Self.watcher(server, "deletions")
        let client = try server.client()
        let replies = ["STORED\r\nDELETED\r\n", "STORED\r\nHD\r\n", "NF\r\nNOT_FOUND\r\n", "STORED\r\nHD\r\n"]
        let requests = ["delete a", "md a", "md a\r\ndelete a", "md a I"].enumerated().map { index, command in
            (index == 2 ? "" : "set a 0 0 4\r\nvbar\r\n") + command + "\r\n"
        }

        for (request, reply) in zip(requests, replies) { #expect(try client.exchange(request, reply)) }
        #expect(try client.exchange("delete a\r\n", "DELETED\r\n"))
        #expect(try client.exchange("set a 0 0 4\r\nvbar\r\nmd a I x\r\nmd a x\r\n", "STORED\r\nHD\r\nHD\r\n"))

        #expect(try Self.fact(watcher) == "type=deleted key=a cmd=delete size=4")
        #expect(try Self.fact(watcher) == "type=deleted key=a cmd=md size=4")
        #expect(try Self.fact(watcher) == "type=deleted key=a cmd=delete size=4")
        // Of what was emptied, what is left.
        #expect(try Self.fact(watcher) == "type=deleted key=a cmd=md size=0")
    }

    @Test("of evictions are told what had to go")
    func evictions() throws {
        let server = try TestServer.onUnixSocket { ($0.memoryBytes, $0.itemBytesMax) = (2 << 20, 64 << 10) }
        let watcher = try Self.watcher(server, "evictions")
        let client = try server.client()
        let value = String(repeating: "x", count: 1000)

        for start in stride(from: 0, to: 4000, by: 100) {
            let batch = (start..<start + 100).map { "set key\($0) 0 0 1000 noreply\r\n\(value)\r\n" }.joined()
            try client.send(batch)
        }
        #expect(try client.exchange("mn\r\n", "MN\r\n"))

        let fact = try Self.fact(watcher)
        #expect(fact.wholeMatch(of: /type=eviction key=key\d+ fetch=no ttl=-1 la=\d+ size=1000/) != nil, "\(fact)")
    }

    @Test("of connections are told who comes, who goes and why")
    func connections() throws {
        let server = try TestServer { $0.threadCount = 1 }
        let watcher = try Self.watcher(server, "connevents")
        let opened = /type=conn_new rip=127.0.0.1 rport=\d+ transport=tcp/

        let client = try server.client()
        #expect(try Self.fact(watcher).wholeMatch(of: opened) != nil)
        try client.send("quit\r\n")
        #expect(try Self.fact(watcher).hasSuffix("transport=tcp reason=normal"))

        let other = try server.client()
        #expect(try Self.fact(watcher).wholeMatch(of: opened) != nil)
        try other.send("GET / HTTP/1.1\r\n")
        #expect(try Self.fact(watcher).hasSuffix("reason=error"))

        let leaving = try server.client()
        #expect(try Self.fact(watcher).wholeMatch(of: opened) != nil)
        leaving.close()
        #expect(try Self.fact(watcher).hasSuffix("reason=normal"))

        let broken = try server.client()
        #expect(try Self.fact(watcher).wholeMatch(of: opened) != nil)
        // Not waiting for what is unsent makes it a reset.
        var resets = linger(l_onoff: 1, l_linger: 0)
        setsockopt(broken.descriptor, SOL_SOCKET, SO_LINGER, &resets, socklen_t(MemoryLayout<linger>.size))
        broken.close()
        #expect(try Self.fact(watcher).hasSuffix("reason=error"))
    }

    @Test("are counted, listed and forgotten when they go")
    func counts() throws {
        let server = try TestServer.onUnixSocket()
        let client = try server.client()
        let first = try Self.watcher(server, "fetchers")
        let second = try Self.watcher(server, "fetchers proxyreqs rawcmds sysevents")
        #expect(try Self.stat(client, "log_watchers") == 2)
        #expect(try Self.stat(client, "curr_connections") == 3)
        #expect(server.context.pointee.connectionSnapshots().count { $0.state == "conn_watch" } == 2)

        #expect(try client.exchange("get a\r\n", "END\r\n"))
        #expect(try Self.fact(first) == Self.fact(second))
        #expect(try Self.stat(client, "log_worker_written") == 1)
        #expect(try Self.stat(client, "log_watcher_sent") == 2)

        first.close()
        second.close()
        #expect(eventually { server.context.pointee.connectionCount == 1 })
        #expect(try Self.stat(client, "log_watchers") == 0)
        #expect(try client.exchange("get a\r\n", "END\r\n"))
        #expect(try Self.stat(client, "log_worker_written") == 1)
    }

    @Test("beyond twenty are turned away, and go on as they were")
    func tooMany() throws {
        let server = try TestServer.onUnixSocket()
        let watchers = try (0..<20).map { _ in try Self.watcher(server, "fetchers") }
        let client = try server.client()

        let refusal = "WATCHER_TOO_MANY log watcher limit reached\r\n"
        #expect(try client.exchange("watch\r\n", refusal))
        #expect(try client.exchange("watch\r\nmn\r\n", refusal + "MN\r\n"))

        watchers[0].close()
        #expect(eventually { server.context.pointee.connectionCount == 20 })
        #expect(try client.exchange("watch\r\n", "OK\r\n"))
    }

    @Test("that do not read miss lines and are told how many; nobody waits for them")
    func unread() throws {
        let server = try TestServer.onUnixSocket {
            ($0.watcherBufferBytes, $0.workerLogBufferBytes) = (8 << 10, 16 << 20)
        }
        let watcher = try Self.watcher(server, "fetchers")
        let client = try server.client()
        let key = String(repeating: "k", count: 240)

        for _ in 0..<200 {
            try client.send(String(repeating: "get \(key)\r\n", count: 50))
            #expect(try client.receiveText(50 * 5) == String(repeating: "END\r\n", count: 50))
        }
        #expect(eventually { server.context.pointee.observation.pointee.skipped.value > 0 })

        var notice = ""
        for _ in 0..<10_000 where !notice.hasPrefix("skipped=") {
            #expect(try client.exchange("get \(key)\r\n", "END\r\n"))
            notice = try Self.line(watcher)
        }
        #expect(notice.wholeMatch(of: /skipped=\d+\n/) != nil)
        #expect(try Self.fact(watcher).hasPrefix("type=item_get key=\(key)"))
    }

    @Test("lose what a thread has no room to keep, and it is counted")
    func dropped() throws {
        let server = try TestServer.onUnixSocket { $0.workerLogBufferBytes = 300 }
        let watcher = try Self.watcher(server, "fetchers")
        let client = try server.client()

        // Whoever makes lines of the events may be quick, and make room for all fifty.
        var (sent, dropped) = (0, 0)
        while dropped == 0, sent < 100_000 {
            try client.send(String(repeating: "get key\r\n", count: 50))
            #expect(try client.receiveText(50 * 5) == String(repeating: "END\r\n", count: 50))
            sent += 50
            dropped = try #require(try Self.stat(client, "log_worker_dropped"))
        }

        #expect((1..<sent).contains(dropped))
        #expect(try Self.stat(client, "log_worker_written") == sent - dropped)
        #expect(try Self.fact(watcher) == "type=item_get key=key status=not_found size=0")
    }

    @Test("are refused behind commands whose replies are not out yet")
    func pipelined() throws {
        let server = try TestServer.onUnixSocket()

        let refusal = "MN\r\nERROR cannot pipeline other commands before watch\r\n"
        #expect(try server.client().exchange("mn\r\nwatch\r\n", refusal))
    }

    @Test("do not keep a server from stopping")
    func stopping() throws {
        let server = try TestServer.onUnixSocket()
        let watcher = try Self.watcher(server, "connevents")

        server.stop(.graceful)

        _ = try watcher.receiveAll()
    }
}
