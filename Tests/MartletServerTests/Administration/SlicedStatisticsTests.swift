import ExecutionTesting
import MartletServer
import ServerTesting
import Testing

/// Goal: what may be long is told whole, however long it is and however it is read, and nobody waits for it.
@Suite("Statistics of many prefixes or connections")
struct SlicedStatisticsTests {
    @Test("counts for the empty prefix of keys that begin with the delimiter")
    func emptyPrefix() throws {
        let server = try TestServer.onUnixSocket { $0.countsPrefixes = true }

        let reply = "NOT_FOUND\r\nPREFIX  get 0 hit 0 set 0 del 1\r\nEND\r\n"
        #expect(try server.client().exchange("delete :a\r\nstats detail dump\r\n", reply))
    }

    @Test("tells any number of prefixes and connections, some in each turn")
    func manyPrefixes() throws {
        var settings = ServerSettings()
        settings.countsPrefixes = true
        let server = try LogicServer(settings)
        let connection = server.connect()
        let (count, tail) = (16_000, String(repeating: "p", count: 60))
        for start in stride(from: 0, to: count, by: 1000) {
            connection.send((start..<start + 1000).map { "delete \($0)\(tail):k noreply\r\n" }.joined())
        }

        let lines = connection.ask("stats detail dump\r\nmn\r\n").split(separator: "\r\n")

        #expect(lines.count == count + 2)
        #expect(lines.suffix(2) == ["END", "MN"])
        #expect(Set(lines.prefix(count)).count == count)
        #expect(lines.prefix(count).allSatisfy { $0.hasSuffix("\(tail) get 0 hit 0 set 0 del 1") })
        #expect(connection.longestOutput < 128 << 10)
        #expect(connection.ask("stats reset\r\nstats detail dump\r\n") == "RESET\r\nEND\r\n")
    }

    @Test("counts prefixes up to a bound in bytes, of all workers together, and from the beginning after a reset")
    func boundedPrefixes() throws {
        let server = try TestServer { ($0.threadCount, $0.countsPrefixes) = (3, true) }
        let clients = try (0..<3).map { _ in try server.client() }
        let tail = String(repeating: "p", count: 200)
        for (index, client) in clients.enumerated() {
            for start in stride(from: 0, to: 10_000, by: 500) {
                try client.send((start..<start + 500).map { "delete \(index)-\($0)\(tail):k noreply\r\n" }.joined())
                #expect(try client.exchange("mn\r\n", "MN\r\n"))
            }
        }

        let count = try Self.prefixCount(clients[0])
        #expect(count > 0 && count <= Limits.prefixBytesMax / (tail.utf8.count + 100))

        #expect(try clients[0].exchange("stats reset\r\ndelete new:k\r\n", "RESET\r\nNOT_FOUND\r\n"))
        #expect(try Self.prefixCount(clients[0]) == 1)
    }

    private static func prefixCount(_ client: TestClient) throws -> Int {
        try client.send("stats detail dump\r\n")
        var text = ""
        while !text.hasSuffix("END\r\n") { text += String(decoding: try client.receiveSome(), as: UTF8.self) }
        return text.split(separator: "\r\n").count { $0.hasPrefix("PREFIX ") }
    }

    @Test("tells each prefix once, with what all workers have counted, however it is read")
    func prefixesOfWorkers() throws {
        let server = try TestServer { ($0.threadCount, $0.countsPrefixes) = (3, true) }
        let clients = try (0..<3).map { _ in try server.client() }
        for (index, client) in clients.enumerated() {
            // Each worker's in another order, some of them only its own.
            let numbers = (0..<2000).map { ($0 * [1, 3, 7][index]) % 2000 } + [10_000 + index]
            try client.send(numbers.map { "delete p\($0):k noreply\r\n" }.joined() + "mn\r\n")
            #expect(try client.receiveText(4) == "MN\r\n")
        }

        try clients[0].send("stats detail dump\r\n")
        var text = ""
        while !text.hasSuffix("END\r\n") { text += String(decoding: try clients[0].receiveSome(), as: UTF8.self) }

        let shared = (0..<2000).map { "PREFIX p\($0) get 0 hit 0 set 0 del 3" }
        let own = (0..<3).map { "PREFIX p\(10_000 + $0) get 0 hit 0 set 0 del 1" }
        #expect(text.split(separator: "\r\n").map(String.init).sorted() == (shared + own + ["END"]).sorted())
    }

    @Test("lists more connections than one turn tells, each once, and gives back what the list was charged")
    func manyConnections() throws {
        let server = try TestServer.onUnixSocket()
        let count = Limits.statisticsPerTurnMax + 40
        let clients = try (0..<count).map { _ in try server.client() }
        for client in clients { #expect(try client.exchange("mn\r\n", "MN\r\n")) }

        try clients[0].send("stats conns\r\n")
        var text = ""
        while !text.hasSuffix("END\r\n") { text += String(decoding: try clients[0].receiveSome(), as: UTF8.self) }

        let states = text.split(separator: "\r\n").filter { $0.contains(":state ") }.compactMap {
            $0.dropFirst(5).split(separator: ":").first.flatMap { Int($0) }
        }
        #expect(states.count == count + 1 && Set(states).count == count + 1)
        #expect(states == states.sorted())
        #expect(eventually { server.context.pointee.budget.copiedBytes == 0 })
    }
}
