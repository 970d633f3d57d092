import MartletServer
import MartletStore
import ServerTesting
import Testing

/// Goal: what operators ask of the background threads happens.
@Suite("Administration")
struct AdministrationTests {
    private static func classWithMostPages(_ server: TestServer) -> StoreStatistics.SlabClass? {
        server.context.pointee.storeStatistics().classes.max { $0.pageCount < $1.pageCount }
    }

    private static func fill(
        _ client: TestClient, _ name: String = "key", count: Int, valueBytes: Int, seconds: Int = 0
    ) throws {
        let value = String(repeating: "x", count: valueBytes)
        for start in stride(from: 0, to: count, by: 50) {
            let batch = (start..<min(start + 50, count)).map {
                "set \(name)\($0) 0 \(seconds) \(valueBytes) noreply\r\n\(value)\r\n"
            }
            try client.send(batch.joined() + "mn\r\n")
            #expect(try client.receiveText(4) == "MN\r\n")
        }
    }

    @Test("moves a page where it is told to, and keeps the items")
    func reassign() throws {
        let server = try TestServer.onUnixSocket()
        let client = try server.client()
        try Self.fill(client, count: 1000, valueBytes: 1000)
        let giver = try #require(Self.classWithMostPages(server))
        #expect(
            try client.exchange(
                "get key7\r\n", "VALUE key7 0 1000\r\n" + String(repeating: "x", count: 1000) + "\r\nEND\r\n"))

        #expect(try client.exchange("slabs reassign \(giver.id) 1\r\n", "OK\r\n"))

        #expect(eventually { server.context.pointee.storeStatistics().pagesMoved == 1 })
        // A page is counted as moved a moment before its new class has it.
        #expect(
            eventually { server.context.pointee.storeStatistics().classes.first { $0.id == 1 }?.pageCount == 1 })
        #expect(server.context.pointee.storeStatistics().itemsLostInMoves == 0)
        #expect(try client.exchange("mg key7\r\n", "HD\r\n"))
    }

    @Test("lets a crawl reclaim what has expired, only where the crawler is on")
    func crawl() throws {
        let server = try TestServer.onUnixSocket { ($0.lruCrawler, $0.allowsTestCommands) = (false, true) }
        let client = try server.client()
        try Self.fill(client, count: 100, valueBytes: 10, seconds: 5)
        // Where nothing expires a crawl looks only if it is told to.
        try Self.fill(client, "lasting", count: 100, valueBytes: 1000)
        let classes = { server.context.pointee.storeStatistics().classes }
        #expect(try client.exchange("debugtime 10\r\n", "OK\r\n"))
        #expect(try client.exchange("lru_crawler crawl all\r\n", "CLIENT_ERROR lru crawler disabled\r\n"))
        #expect(server.context.pointee.store.itemCount == 200)

        #expect(try client.exchange("lru_crawler enable\r\n", "OK\r\n"))
        #expect(try client.exchange("lru_crawler crawl all\r\n", "OK\r\n"))

        #expect(eventually { !server.context.pointee.storeStatistics().isScanning })
        #expect(classes().contains { $0.crawlerItemsChecked >= 100 && $0.crawlerReclaimed == 0 })
        #expect(classes().contains { $0.crawlerReclaimed == 100 })
        #expect(server.context.pointee.store.itemCount == 100)
    }

    @Test("gives short lives a segment of their own when told to")
    func temporaryLives() throws {
        let server = try TestServer.onUnixSocket()
        let client = try server.client()
        func tempCount() -> Int { server.context.pointee.storeStatistics().classes.reduce(0) { $0 + $1.tempCount } }

        #expect(try client.exchange("set a 0 500 1\r\n1\r\n", "STORED\r\n"))
        #expect(tempCount() == 0)
        #expect(try client.exchange("lru temp_ttl 1000\r\nset b 0 500 1\r\n1\r\n", "OK\r\nSTORED\r\n"))
        #expect(tempCount() == 1)
        #expect(try client.exchange("lru temp_ttl -1\r\nset c 0 500 1\r\n1\r\n", "OK\r\nSTORED\r\n"))
        #expect(tempCount() == 1)
    }

    @Test("counts by the prefix of keys, with the delimiter it is given")
    func prefixes() throws {
        let server = try TestServer {
            ($0.threadCount, $0.prefixDelimiter, $0.countsPrefixes) = (2, UInt8(ascii: "/"), true)
        }
        let clients = try [server.client(), server.client()]

        for client in clients {
            #expect(try client.exchange("set a/1 0 0 1\r\n1\r\n", "STORED\r\n"))
            #expect(try client.exchange("get a/1 a/2 b:1 b/1\r\n", "VALUE a/1 0 1\r\n1\r\nEND\r\n"))
            #expect(try client.exchange("md b/1\r\n", "NF\r\n"))
        }

        let dump = "PREFIX a get 4 hit 2 set 2 del 0\r\nPREFIX b get 2 hit 0 set 0 del 2\r\nEND\r\n"
        #expect(try clients[0].exchange("stats detail dump\r\n", dump))
    }

    @Test("after the start and after statistics the maintainer gives rare text back")
    func rareText() throws {
        let server = try TestServer.onUnixSocket()
        let client = try server.client()
        let usedRareText = { server.context.pointee.administration.usesRareText }

        #expect(eventually { !usedRareText() })
        #expect(try client.exchange("stats reset\r\n", "RESET\r\n"))
        #expect(eventually { !usedRareText() })
    }
}
