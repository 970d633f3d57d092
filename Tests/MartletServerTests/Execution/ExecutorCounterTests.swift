import ExecutionTesting
import MartletServer
import Testing

@Suite("What the executor counts")
struct ExecutorCounterTests {
    @Test("is kept for the slab class of the item")
    func classes() throws {
        let server = try LogicServer()
        let connection = server.connect()
        let value = String(repeating: "v", count: 3000)

        let replies = connection.ask(
            "set a 0 0 1\r\n1\r\nset b 0 0 3000\r\n\(value)\r\nincr a 1\r\ndecr a 1\r\ntouch b 0\r\nmg b\r\ndelete b\r\n"
        )

        #expect(replies == "STORED\r\nSTORED\r\n2\r\n1\r\nTOUCHED\r\nHD\r\nDELETED\r\n")
        let rows = (1..<CommandCounters.classCount).filter {
            server.counters.pointee.commands.slabClass($0).pointee.sets.value > 0
        }
        #expect(rows.count == 2)
        let small = server.counters.pointee.commands.slabClass(rows[0])
        let large = server.counters.pointee.commands.slabClass(rows[1])
        #expect(small.pointee.sets.value == 1)
        #expect(small.pointee.incrHits.value == 1)
        #expect(small.pointee.decrHits.value == 1)
        #expect(large.pointee.touchHits.value == 1)
        #expect(large.pointee.getHits.value == 1)
        #expect(large.pointee.deleteHits.value == 1)
    }

    /// Of each, memcached has an item of its own when it finds that there is nothing to do with it.
    static let refused = [
        "replace k 0 0 1\r\n1", "append k 0 0 1\r\n1", "prepend k 0 0 1\r\n1", "cas k 0 0 1 1\r\n1", "ms k 1 MR\r\n1",
        "ms k 1 MA\r\n1", "ms k 1 C1\r\n1", "ms aw== 1 b MR\r\n1", "add a 0 0 1\r\n1", "ms a 1 ME\r\n1",
        "cas a 0 0 1 99\r\n1",
        "set k 0 0 1\r\n12",
    ]

    @Test("of a store that finds nothing to act on is kept for the class it would be in", arguments: refused)
    func refusals(_ command: String) throws {
        let server = try LogicServer()
        let connection = server.connect()
        #expect(connection.ask("set a 0 0 1\r\n1\r\nset b 0 0 1\r\n1\r\n") == "STORED\r\nSTORED\r\n")
        let slabClass = try #require((0..<CommandCounters.classCount).first { Self.sets(server, $0) == 2 })

        _ = connection.ask("\(command)\r\n")

        #expect(Self.sets(server, slabClass) == 3)
    }

    @Test("of a large value is kept for the class of what was sent, not of what is there")
    func largeRefusals() throws {
        for isMemcachedMode in [false, true] {
            var settings = ServerSettings()
            settings.isMemcachedMode = isMemcachedMode
            let server = try LogicServer(settings)
            let connection = server.connect()
            let values = [1, 3000, 100_000].map { "0 0 \($0)\r\n\(String(repeating: "v", count: $0))\r\n" }
            for (index, value) in values.enumerated() {
                #expect(connection.ask("set \(index) \(value)") == "STORED\r\n")
            }
            let classes = (0..<CommandCounters.classCount).filter { Self.sets(server, $0) == 1 }
            #expect(classes.count == 3)

            for value in values { #expect(connection.ask("add 0 \(value)") == "NOT_STORED\r\n") }

            for slabClass in classes { #expect(Self.sets(server, slabClass) == 2) }
        }
    }

    private static func sets(_ server: LogicServer, _ slabClass: Int) -> Int {
        Int(server.counters.pointee.commands.slabClass(slabClass).pointee.sets.value)
    }

    /// Commands that look for the key k, without a store among them.
    static let lookups = [
        "get k", "gets k", "gat 9 k", "gats 9 k", "touch k 9", "delete k", "incr k 1", "decr k 1", "mg k", "mg k v T9",
        "mg k N9", "md k", "md k I", "md k x", "md k C5", "ma k", "ma k MD", "ma k N9 J1", "me k",
    ]

    @Test("tells what a look-up found expired or flushed, once", arguments: lookups)
    func deaths(_ command: String) throws {
        let server = try LogicServer()
        let connection = server.connect()
        #expect(connection.ask("set k 0 5 1\r\n1\r\n") == "STORED\r\n")
        server.advance(seconds: 10)
        _ = connection.ask("\(command)\r\ndelete k\r\n\(command)\r\ndelete k\r\n")
        #expect(connection.ask("set k 0 0 1\r\n1\r\nflush_all\r\n") == "STORED\r\nOK\r\n")
        _ = connection.ask("\(command)\r\ndelete k\r\n\(command)\r\ndelete k\r\n")

        let store = server.context.pointee.storeStatistics()

        #expect(store.foundExpired == 1)
        #expect(store.foundFlushed == 1)
        #expect(store.classes.allSatisfy { $0.reclaimed == 0 && $0.expiredUnfetched == 0 })
    }

    @Test("calls an item reclaimed whose key is stored again")
    func reclaimed() throws {
        let server = try LogicServer()
        let connection = server.connect()
        #expect(connection.ask("set k 0 5 1\r\n1\r\n") == "STORED\r\n")
        server.advance(seconds: 10)
        #expect(connection.ask("set k 0 0 1\r\n1\r\nflush_all\r\nms k 1\r\n1\r\n") == "STORED\r\nOK\r\nHD\r\n")

        let store = server.context.pointee.storeStatistics()

        #expect(store.foundExpired == 0 && store.foundFlushed == 0)
        #expect(store.classes.map(\.reclaimed).reduce(0, +) == 2)
    }
}
