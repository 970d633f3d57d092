import Glibc
import MartletServer
import ServerTesting
import Testing

/// The admin endpoint of a running server, asked over HTTP.
struct AdminEndpointTests {
    @Test func `metrics have the exporter's names and the server's figures`() throws {
        let server = try TestServer.withEndpoint()
        let client = try server.client()
        #expect(
            try client.exchange(
                "set a 0 0 1\r\nx\r\nget a\r\nget b\r\n", "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\nEND\r\n"))

        let reply = try HTTPExchange(server, "/metrics")

        #expect(reply.status == 200)
        #expect(reply.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        let lines = Set(reply.body.split(separator: "\n").map(String.init))
        for line in [
            "memcached_up 1", "memcached_current_items 1", "memcached_current_connections 1",
            "memcached_commands_total{command=\"get\",status=\"hit\"} 1",
            "memcached_commands_total{command=\"get\",status=\"miss\"} 1",
            "memcached_commands_total{command=\"set\",status=\"hit\"} 1",
            "memcached_version{version=\"1.6.45-martlet\"} 1", "# TYPE memcached_command_duration_seconds histogram",
        ] { #expect(lines.contains(line), "\(line)") }
        for name in Self.exporterNames { #expect(reply.body.contains("\nmemcached_\(name)"), "\(name)") }
    }

    @Test func `every family is told once, with its description and type before its samples`() throws {
        let server = try TestServer.withEndpoint()

        let lines = try HTTPExchange(server, "/metrics").body.split(separator: "\n").map { $0.split(separator: " ") }

        #expect(lines.count > 100)
        var families: Set<Substring> = []
        var family: Substring = ""
        for words in lines {
            if words[0] == "#", words[1] == "HELP" {
                family = words[2]
                #expect(families.insert(family).inserted, "\(family)")
                #expect(words.count > 3)
            } else if words[0] == "#" {
                #expect(words[2] == family)
            } else {
                #expect(words[0].hasPrefix(family) && words.last.map { Double($0) } != nil, "\(words)")
            }
        }
    }

    @Test func `a command's latency is counted for its kind`() throws {
        let server = try TestServer.withEndpoint { $0.threadCount = 1 }
        let client = try server.client()
        #expect(try client.exchange("mg a\r\nmn\r\n", "EN\r\nMN\r\n"))
        #expect(try client.exchange("mn\r\n", "MN\r\n"))

        // Counted after the reply was sent.
        #expect(
            try eventually {
                try HTTPExchange(server, "/metrics").body.contains("duration_seconds_count{command=\"mg\"} 1\n")
            })
        let body = try HTTPExchange(server, "/metrics").body
        #expect(body.contains("duration_seconds_bucket{command=\"mg\",le=\"+Inf\"} 1\n"))
        #expect(body.contains("duration_seconds_count{command=\"get\"} 0\n"))
    }

    @Test func `of the settings those that nobody gave are not told as changed`() throws {
        let server = try TestServer.withEndpoint { $0.memoryBytes = 256 << 20 }
        let other = try TestServer.withEndpoint { $0.growthFactor = 1.5 }

        let derived = try HTTPExchange(server, "/stats.json").body.split(separator: "\"changed_settings\"").last ?? ""
        let given = try HTTPExchange(other, "/stats.json").body.split(separator: "\"changed_settings\"").last ?? ""

        for name in ["maxbytes", "num_threads"] { #expect(derived.contains("\"\(name)\""), "\(derived)") }
        for name in ["growth_factor", "num_threads_per_udp"] {
            #expect(!derived.contains("\"\(name)\""), "\(derived)")
        }
        #expect(given.contains("\"growth_factor\""), "\(given)")
    }

    @Test func `stats.json tells what stats tells`() throws {
        let server = try TestServer.withEndpoint()
        let client = try server.client()
        #expect(try client.exchange("set a 0 0 1\r\nx\r\n", "STORED\r\n"))

        let reply = try HTTPExchange(server, "/stats.json")

        #expect(reply.fields["content-type"] == "application/json")
        try client.send("stats\r\nmn\r\n")
        var told = ""
        while !told.hasSuffix("MN\r\n") { told += String(decoding: try client.receiveSome(), as: UTF8.self) }
        for name in ["cmd_set", "curr_items", "bytes", "limit_maxbytes", "threads", "curr_connections"] {
            let line = told.split(separator: "\r\n").first { $0.hasPrefix("STAT \(name) ") }
            let value = try #require(line?.split(separator: " ").last)
            #expect(reply.body.contains("\"\(name)\":\(value)"), "\(name)")
        }
        for name in ["rusage_user", "rusage_system"] {
            let number = try Regex("\"\(name)\":[0-9]+\\.[0-9]{6}[,}]")
            #expect(reply.body.firstMatch(of: number) != nil, "\(name)")
        }
    }

    @Test func `the page stands alone and is held to it`() throws {
        let server = try TestServer.withEndpoint()

        let page = try HTTPExchange(server, "/")

        #expect(page.status == 200)
        #expect(page.body.hasPrefix("<!doctype html>"))
        #expect(!page.body.contains("http://") && !page.body.contains("https://"))
        let policy = try #require(page.fields["content-security-policy"])
        #expect(policy.contains("default-src 'none'") && policy.contains("script-src 'sha256-"))
        #expect(!policy.contains("unsafe"))
    }

    @Test func `HEAD is answered without a body, and other methods are refused`() throws {
        let server = try TestServer.withEndpoint()

        let head = try HTTPExchange(server, "/healthz", method: "HEAD")
        let post = try HTTPExchange(server, "/metrics", method: "POST")

        #expect(head.status == 200 && head.body.isEmpty && head.fields["content-length"] == "3")
        #expect(post.status == 501)
        #expect(try HTTPExchange(server, "/nowhere").status == 404)
    }

    @Test func `with a token nothing but health is told to who does not bear it`() throws {
        let path = TestServer.freshSocketPath()
        let file = try #require(fopen(path, "w"))
        fputs("correct-horse\n", file)
        fclose(file)
        defer { unlink(path) }
        let server = try TestServer.withEndpoint { $0.adminTokenPath = path }

        for path in ["/", "/metrics", "/stats.json", "/history.json", "/nowhere"] {
            #expect(try HTTPExchange(server, path).status == 401, "\(path)")
            let wrong = try HTTPExchange(server, path, fields: ["Authorization: Bearer wrong"])
            #expect(wrong.status == 401 && !wrong.body.contains("memcached_"), "\(path)")
        }
        #expect(try HTTPExchange(server, "/healthz").status == 200)
        #expect(try HTTPExchange(server, "/metrics", fields: ["Authorization: Bearer correct-horse"]).status == 200)
        // nobody:correct-horse
        let basic = "Authorization: Basic bm9ib2R5OmNvcnJlY3QtaG9yc2U="
        #expect(try HTTPExchange(server, "/metrics", fields: [basic]).status == 200)
    }

    @Test func `a hang-up reads the token's file again, and a bad one changes nothing`() throws {
        let path = TestServer.freshSocketPath()
        func write(_ text: String) throws {
            let file = try #require(fopen(path, "w"))
            fputs(text, file)
            fclose(file)
        }
        try write("correct-horse\n")
        defer { unlink(path) }
        let server = try TestServer.withEndpoint { $0.adminTokenPath = path }
        func status(_ token: String) throws -> Int {
            try HTTPExchange(server, "/metrics", fields: ["Authorization: Bearer \(token)"]).status
        }

        try write("battery-staple\n")
        #expect(try status("correct-horse") == 200)
        server.context.reload()
        #expect(try status("correct-horse") == 401)
        #expect(try status("battery-staple") == 200)

        try write("short\n")
        server.context.reload()
        #expect(try status("battery-staple") == 200)
    }

    @Test func `it is not ready while newcomers are turned away`() throws {
        let server = try TestServer.withEndpoint { $0.connectionsMax = 1 }
        #expect(try HTTPExchange(server, "/readyz").status == 200)
        let client = try server.client()
        #expect(try client.exchange("mn\r\n", "MN\r\n"))

        #expect(try HTTPExchange(server, "/readyz").status == 503)
        #expect(try HTTPExchange(server, "/healthz").status == 200)
        client.close()
        #expect(try eventually { try HTTPExchange(server, "/readyz").status == 200 })
    }

    @Test func `datagrams are measured like everything else`() throws {
        let server = try TestServer.withEndpoint {
            $0.udpPort = -1
            $0.threadCount = 1
        }
        let socket = try #require(server.context.pointee.datagramSockets.first)
        let client = try DatagramClient(port: socket.port)
        #expect(try client.ask("get a\r\n", id: 1) == "END\r\n")

        // Counted after the reply was sent.
        #expect(
            try eventually {
                try HTTPExchange(server, "/metrics").body.contains("duration_seconds_count{command=\"get\"} 1\n")
            })
    }

    @Test func `a slow turn is told with the client it was of, gone or not`() throws {
        let server = try TestServer.withEndpoint { $0.slowRequestMilliseconds = 0 }
        let client = try server.client()
        #expect(try client.exchange("get a\r\n", "END\r\n"))
        let port = try #require(client.ownPort)
        client.close()

        let wanted = "\"command\":\"get\",\"key\":\"\",\"client\":\"tcp:127.0.0.1:\(port)\""
        #expect(try eventually { try HTTPExchange(server, "/stats.json").body.contains(wanted) })
    }

    @Test(arguments: [
        ("127.0.0.1:1,127.0.0.1:2", "one address"), ("notls:127.0.0.1:1", "no prefix"),
        ("proto[binary]:127.0.0.1:1", "no prefix"), ("tag[a]:127.0.0.1:1", "no prefix"),
        ("127.0.0.1", "port is missing"),
        ("70000", "not a port"), ("127.0.0.1:x", "not a port"),
    ])
    func `an address that cannot be meant is refused in a sentence`(address: String, reason: String) throws {
        let error = #expect(throws: StartError.self) { try TestServer.withEndpoint { $0.adminAddress = address } }

        #expect(error?.message.hasPrefix("--admin: ") == true && error?.message.contains(reason) == true)
    }

    @Test func `a page of the web cannot have a browser ask here under its own name`() throws {
        let server = try TestServer.withEndpoint()

        #expect(try HTTPExchange(server, "/metrics", host: "evil.example").status == 403)
        for host in ["127.0.0.1.evil.example", "127.evil.example:80", "127.0.0", "localhost.evil.example"] {
            #expect(try HTTPExchange(server, "/metrics", host: host).status == 403, "\(host)")
        }
        #expect(try HTTPExchange(server, "/metrics", host: "127.1.2.3:9150").status == 200)
        #expect(try HTTPExchange(server, "/metrics", host: "127.0.0.1:9150").status == 200)
    }

    private static let exporterNames = [
        "up", "uptime_seconds", "time_seconds", "version", "process_user_cpu_seconds_total",
        "process_system_cpu_seconds_total", "read_bytes_total", "written_bytes_total", "current_connections",
        "max_connections", "connections_total", "connections_rejected_total", "connections_yielded_total",
        "connections_listener_disabled_total", "accepting_connections", "current_bytes", "limit_bytes",
        "malloced_bytes",
        "current_items", "items_total", "items_evicted_total", "items_reclaimed_total", "item_too_large_total",
        "item_no_memory_total", "direct_reclaims_total", "commands_total", "lru_crawler_enabled", "lru_crawler_sleep",
        "lru_crawler_to_crawl", "lru_crawler_maintainer_thread", "lru_crawler_hot_percent", "lru_crawler_warm_percent",
        "lru_crawler_hot_max_factor", "lru_crawler_warm_max_factor", "lru_crawler_starts_total",
        "lru_crawler_reclaimed_total", "lru_crawler_items_checked_total", "lru_crawler_moves_to_cold_total",
        "lru_crawler_moves_to_warm_total", "lru_crawler_moves_within_lru_total", "slab_current_items",
        "slab_items_age_seconds", "slab_items_crawler_reclaimed_total", "slab_items_evicted_total",
        "slab_items_evicted_nonzero_total", "slab_items_evicted_time_seconds", "slab_items_evicted_unfetched_total",
        "slab_items_expired_unfetched_total", "slab_items_outofmemory_total", "slab_items_reclaimed_total",
        "slab_items_tailrepairs_total", "slab_items_moves_to_cold", "slab_items_moves_to_warm",
        "slab_items_moves_within_lru", "slab_hot_items", "slab_warm_items", "slab_cold_items", "slab_temporary_items",
        "slab_hot_age_seconds", "slab_warm_age_seconds", "slab_lru_hits_total", "slab_chunk_size_bytes",
        "slab_chunks_per_page", "slab_current_pages", "slab_current_chunks", "slab_chunks_used", "slab_chunks_free",
        "slab_chunks_free_end", "slab_mem_requested_bytes", "slab_commands_total",
    ]
}

extension TestClient {
    /// The port that the server sees.
    fileprivate var ownPort: UInt16? {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return result == 0 ? UInt16(bigEndian: address.sin_port) : nil
    }
}
