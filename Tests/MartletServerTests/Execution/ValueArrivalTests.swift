import ExecutionTesting
import MartletServer
import MartletStore
import Testing

/// Goal: values that arrive in pieces keep the connection in step, take memory only for what has come, and give it
/// back.
@Suite("A value on its way in")
struct ValueArrivalTests {
    private static func settings(_ change: (inout ServerSettings) -> Void) -> ServerSettings {
        var settings = ServerSettings()
        change(&settings)
        return settings
    }

    @Test("goes where it belongs, and is there when it is complete")
    func streamed() throws {
        let server = try LogicServer()
        let connection = server.connect()

        connection.send("set k 7 0 50000\r\n")
        #expect(connection.isReadingValue)
        #expect(connection.input.isEmpty)
        for _ in 0..<5 { connection.send([UInt8](repeating: 120, count: 10_000)) }
        #expect(server.connect().ask("get k\r\n") == "END\r\n")

        #expect(connection.ask("\r") == "")
        #expect(connection.ask("\nmn\r\n") == "STORED\r\nMN\r\n")
        #expect(!connection.isReadingValue)
        #expect(server.connect().ask("mg k s f\r\n") == "HD s50000 f7\r\n")
    }

    @Test("that is never finished gives its memory back")
    func abandoned() throws {
        let server = try LogicServer()
        do {
            let connection = server.connect()
            connection.send("set k 0 0 500000\r\n" + String(repeating: "x", count: 100_000))
            #expect((100_000..<200_000).contains(server.session.reservedBytes))
        }

        #expect(server.session.reservedBytes == 0)
    }

    @Test("takes memory only for what has come, so that a hundred stalled ones harm nobody")
    func stalled() throws {
        let server = try LogicServer(Self.settings { $0.memoryBytes = 16 << 20 })
        let stalled = (0..<100).map { _ in server.connect() }
        for connection in stalled { connection.send("set big 0 0 1000000\r\nabc") }

        let other = server.connect()
        let value = String(repeating: "v", count: 5000)
        for index in 0..<1000 {
            #expect(other.ask("set k\(index) 0 0 5000\r\n\(value)\r\n") == "STORED\r\n")
        }
        #expect(other.ask("get k999\r\n") == "VALUE k999 0 5000\r\n\(value)\r\nEND\r\n")
    }

    @Test("for which memory ends is refused, swallowed and takes the old value with it", arguments: [true, false])
    func outOfMemory(isQuiet: Bool) throws {
        let server = try LogicServer(
            Self.settings {
                $0.memoryBytes = 8 << 20
                $0.evicts = false
            })
        let connection = server.connect()
        #expect(connection.ask("set k 0 0 1\r\nx\r\n") == "STORED\r\n")
        var count = 0
        let value = String(repeating: "v", count: 30_000)
        while connection.ask("set k\(count) 0 0 30000\r\n\(value)\r\n") == "STORED\r\n" { count += 1 }
        #expect(count > 100)

        let option = isQuiet ? " noreply" : ""
        connection.send("set k 0 0 1000000\(option)\r\n")
        for _ in 0..<100 { connection.send([UInt8](repeating: 120, count: 10_000)) }

        let refusal = isQuiet ? "" : "SERVER_ERROR out of memory storing object\r\n"
        #expect(connection.ask("\r\nmn\r\n") == refusal + "MN\r\n")
        #expect(connection.ask("get k\r\n") == "END\r\n")
        #expect(server.session.reservedBytes == 0)
    }

    @Test("that is too large is answered before it comes")
    func tooLarge() throws {
        let connection = try LogicServer().connect()

        #expect(connection.ask("set k 0 0 2000000\r\n") == "SERVER_ERROR object too large for cache\r\n")
        #expect(connection.isReadingValue)

        for _ in 0..<20 { connection.send([UInt8](repeating: 120, count: 100_000)) }
        #expect(connection.ask("\r\nmn\r\n") == "MN\r\n")
        #expect(!connection.isReadingValue)
    }

    @Test("that nobody would swallow costs the connection, after the answer")
    func beyondSwallowing() throws {
        let server = try LogicServer()
        let tooLarge = server.connect()
        let badKey = server.connect()
        let inBounds = server.connect()
        let longKey = String(repeating: "k", count: 251)

        #expect(tooLarge.ask("set k 0 0 2147483645\r\n") == "SERVER_ERROR object too large for cache\r\n")
        #expect(badKey.ask("set \(longKey) 0 0 2147483645\r\n") == "CLIENT_ERROR bad command line format\r\n")
        #expect(inBounds.ask("set k 0 0 \(Limits.swallowBytesMin - 2)\r\n").hasPrefix("SERVER_ERROR"))

        #expect(tooLarge.isClosed)
        #expect(badKey.isClosed)
        #expect(!inBounds.isClosed)
    }

    @Test("of twice the largest item is swallowed where items are large")
    func largeItems() throws {
        let server = try LogicServer(
            Self.settings {
                $0.memoryBytes = 256 << 20
                $0.itemBytesMax = 64 << 20
            })
        let connection = server.connect()

        #expect(connection.ask("set k 0 0 \(128 << 20 - 2)\r\n").hasPrefix("SERVER_ERROR object too large"))

        #expect(!connection.isClosed)
    }
}
