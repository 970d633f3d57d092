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

    @Test("tells why an item was missed")
    func deaths() throws {
        let server = try LogicServer()
        let connection = server.connect()
        #expect(connection.ask("set a 0 5 1\r\n1\r\nset b 0 0 1\r\n1\r\n") == "STORED\r\nSTORED\r\n")

        server.advance(seconds: 10)
        #expect(connection.ask("get a\r\nflush_all\r\nmg b\r\nget c\r\n") == "END\r\nOK\r\nEN\r\nEND\r\n")

        #expect(server.counters.pointee.commands.getMisses.value == 3)
        #expect(server.counters.pointee.commands.getExpired.value == 1)
        #expect(server.counters.pointee.commands.getFlushed.value == 1)
    }
}
