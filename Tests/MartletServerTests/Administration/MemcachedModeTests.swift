import ExecutionTesting
import MartletServer
import MartletStore
import ServerTesting
import Testing

/// Goal: with `memcached_mode` a whole server shows and does what memcached would; and the commands of test suites.
@Suite("memcached_mode")
struct MemcachedModeTests {
    private static func server(_ change: (inout ServerSettings) -> Void = { _ in }) throws -> TestServer {
        try TestServer.onUnixSocket {
            $0.isMemcachedMode = true
            $0.allowsTestCommands = true
            change(&$0)
        }
    }

    private static func statistics(_ server: TestServer, _ word: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in Administration.statistics([word], server: server.context).text.split(separator: "\r\n") {
            let words = line.split(separator: " ")
            if words.count > 2 { fields[String(words[1])] = String(words[2]) }
        }
        return fields
    }

    @Test("tells sizes and settings as memcached does")
    func settings() throws {
        let server = try Self.server()
        let client = try server.client()
        #expect(try client.exchange("set key 0 0 10\r\n0123456789\r\n", "STORED\r\n"))

        let settings = Self.statistics(server, "settings")
        let slabs = Self.statistics(server, "slabs")
        #expect(settings["growth_factor"] == "1.25" && settings["chunk_size"] == "48")
        #expect(settings["slab_chunk_max"] == "524288" && settings["memcached_mode"] == "yes")
        #expect(slabs["1:chunk_size"] == "96" && slabs["1:chunks_per_page"] == "10922")
        #expect(slabs["active_slabs"] == "1" && slabs["total_malloced"] == "1048576")
        #expect(Self.statistics(server, "items")["items:1:mem_requested"] == "72")
    }

    @Test("no_modern brings it with a flat list and chunks of a page")
    func noModern() throws {
        let server = try Self.server {
            guard case .run(let parsed, _) = try? CommandLineParser.parse(["-o", "no_modern"]) else { return }
            let path = $0.unixSocketPath
            $0 = parsed
            $0.unixSocketPath = path
        }
        let client = try server.client()
        let value = String(repeating: "x", count: 1_048_000)
        for number in 0..<3 {
            #expect(try client.exchange("set key\(number) 0 0 1048000\r\n\(value)\r\n", "STORED\r\n"))
        }

        let slabs = Self.statistics(server, "slabs")
        let items = Self.statistics(server, "items")
        #expect(slabs["42:chunk_size"] == "1048576" && slabs["42:total_pages"] == "3")
        #expect(items["items:42:number"] == "3" && items["items:42:number_hot"] == nil)
    }

    @Test("debugitem holds a page, debugtime stops the clock")
    func testCommands() throws {
        let server = try Self.server { $0.memoryBytes = 8 << 20 }
        let client = try server.client()
        let value = String(repeating: "x", count: 9000)
        for number in 0..<200 {
            #expect(try client.exchange("set key\(number) 0 0 9000\r\n\(value)\r\n", "STORED\r\n"))
        }

        #expect(try client.exchange("debugitem lock key5\r\nslabs reassign 22 0\r\n", "OK\r\nOK\r\n"))
        #expect(eventually { server.context.pointee.storeStatistics().itemsFoundBusy > 20 })
        #expect(try client.exchange("slabs reassign 22 0\r\n", "BUSY currently processing reassign request\r\n"))
        #expect(try client.exchange("debugitem unlock key5\r\ndebugitem unlock key5\r\n", "OK\r\nMISS\r\n"))
        #expect(eventually { server.context.pointee.storeStatistics().pagesMoved == 1 })
        #expect(try client.exchange("debugitem ref none\r\ndebugitem ref key6\r\n", "MISS\r\nOK\r\n"))
        #expect(try client.exchange("debugitem unref key6\r\ndebugitem turn key6\r\n", "OK\r\nERROR\r\n"))

        #expect(try client.exchange("debugtime p\r\n", "OK\r\n"))
        let second = server.context.pointee.clock.second
        server.server.tick()
        #expect(server.context.pointee.clock.second == second)
        #expect(try client.exchange("debugtime 60\r\ndebugtime r\r\n", "OK\r\nOK\r\n"))
        #expect(server.context.pointee.clock.second >= second + 60)
    }

    @Test("a preset of memory beyond any counts as the most there may be")
    func preset() throws {
        var settings = ServerSettings()
        (settings.isMemcachedMode, settings.allowsTestCommands, settings.presetBytes) = (true, true, .max)
        let server = try LogicServer(settings)
        let connection = server.connect()

        connection.send("set key 0 0 1\r\nv\r\n")
        let bytes = server.context.pointee.store.statistics().pagedBytes

        #expect(connection.takeReplies() == Array("STORED\r\n".utf8))
        #expect(bytes > Limits.presetBytesMax && bytes < Limits.presetBytesMax + (8 << 20))
    }

    @Test("watchers of sysevents hear of the crawl")
    func crawlEvents() throws {
        let server = try Self.server { $0.isMemcachedMode = false }
        let client = try server.client()
        #expect(try client.exchange("set a 0 500 1\r\n1\r\nset b 0 0 1\r\n1\r\n", "STORED\r\nSTORED\r\n"))
        let watcher = try server.client()
        #expect(try watcher.exchange("watch sysevents\r\n", "OK\r\n"))
        #expect(try client.exchange("debugtime 600\r\n", "OK\r\n"))

        let line = String(decoding: try watcher.receiveSome(), as: UTF8.self)
        #expect(line.contains("type=lru_crawler crawler=1 lru=all "), "\(line)")
        #expect(line.contains("examined=2 reclaimed=1"), "\(line)")
    }
}
