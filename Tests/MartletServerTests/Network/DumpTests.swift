import MartletServer
import ServerTesting
import Testing

/// Goal: a dump of the whole cache costs its reader's pace and nobody else anything.
@Suite("A dump")
struct DumpTests {
    private static let count = 30_000

    private static func filled(_ server: TestServer) throws -> TestClient {
        let client = try server.client()
        let key = String(repeating: "k", count: 100)
        for start in stride(from: 0, to: count, by: 1000) {
            try client.send(
                (start..<start + 1000).map { "set \(key)\($0) 0 0 1 noreply\r\nx\r\n" }.joined() + "mn\r\n")
            #expect(try client.receiveText(4) == "MN\r\n")
        }
        return client
    }

    private static func lines(_ client: TestClient, until end: String) throws -> [Substring] {
        var bytes: [UInt8] = []
        let end = Array(end.utf8)
        while !bytes.suffix(end.count).elementsEqual(end) {
            let some = try client.receiveSome()
            if some.isEmpty { break }
            bytes += some
        }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
    }

    @Test("tells every item once, and lets the commands behind it follow")
    func complete() throws {
        let server = try TestServer.onUnixSocket()
        let client = try Self.filled(server)

        try client.send("lru_crawler metadump all\r\nmn\r\n")
        let items = try Self.lines(client, until: "MN\r\n")
        try client.send("lru_crawler mgdump hash\r\nmn\r\n")
        let keys = try Self.lines(client, until: "MN\r\n")

        #expect(items.count == Self.count + 3 && keys.count == Self.count + 3)
        #expect(items.first == "OK" && items.suffix(2) == ["END", "MN"])
        #expect(Set(items[1...Self.count].map { $0.prefix { $0 != " " } }).count == Self.count)
        #expect(keys.first == "OK" && keys.suffix(2) == ["EN", "MN"])
        #expect(Set(keys[1...Self.count]).count == Self.count)
        #expect(keys[1...Self.count].allSatisfy { $0.hasPrefix("mg k") })
    }

    @Test("follows another dump, a get or mn of the same packet")
    func pipelinedBehindSent() throws {
        let server = try TestServer.onUnixSocket()
        let client = try server.client()

        for word in ["metadump", "mgdump"] {
            let (dump, reply) = ("lru_crawler \(word) all\r\n", word == "metadump" ? "OK\r\nEND\r\n" : "OK\r\nEN\r\n")
            #expect(try client.exchange(dump + dump + dump, reply + reply + reply))
            #expect(try client.exchange("mn\r\n" + dump, "MN\r\n" + reply))
            #expect(try client.exchange("get a\r\n" + dump, "END\r\n" + reply))
        }
    }

    @Test("is refused behind other commands whose replies are not out yet")
    func pipelined() throws {
        let server = try TestServer.onUnixSocket()
        let client = try server.client()

        let refusal = "EN\r\nERROR cannot pipeline other commands before metadump\r\n"
        #expect(try client.exchange("mg foo v\r\nlru_crawler metadump all\r\n", refusal))
        #expect(try client.exchange("mn\r\nmg foo v\r\nlru_crawler metadump all\r\n", "MN\r\n" + refusal))
        #expect(try client.exchange("lru_crawler metadump all\r\n", "OK\r\nEND\r\n"))
    }

    @Test("of sizes counts items in steps of 32 bytes, where it is asked for")
    func sizes() throws {
        let counting = try TestServer.onUnixSocket { $0.tracksSizes = true }
        let silent = try TestServer.onUnixSocket()
        let client = try counting.client()
        #expect(try silent.client().exchange("stats sizes\r\n", "STAT sizes_status disabled\r\nEND\r\n"))
        #expect(try client.exchange("stats sizes\r\n", "END\r\n"))

        // Header of at least 16, key 1, value.
        for (key, bytes) in [("a", 5), ("b", 50), ("c", 5)] {
            let value = String(repeating: "v", count: bytes)
            #expect(try client.exchange("set \(key) 0 0 \(bytes)\r\n\(value)\r\n", "STORED\r\n"))
        }

        #expect(try client.exchange("stats sizes\r\nmn\r\n", "STAT 32 2\r\nSTAT 96 1\r\nEND\r\nMN\r\n"))
    }

    @Test("that is not read waits for its reader, and neither another client nor another dump waits for it")
    func unread() throws {
        let server = try TestServer.onUnixSocket()
        let other = try Self.filled(server)
        let client = try server.client()
        try client.send("lru_crawler metadump all\r\n")
        #expect(eventually { server.context.pointee.budget.copiedBytes > 0 })

        // Less than the whole by far: about five megabytes.
        #expect(server.context.pointee.budget.copiedBytes <= Limits.outputBytesFull + 2 * Limits.reserveBytesMax)
        #expect(try other.exchange("get nothing\r\n", "END\r\n"))
        try other.send("lru_crawler metadump all\r\n")
        #expect(try Self.lines(other, until: "END\r\n").count == Self.count + 2)
        #expect(try other.exchange("flush_all\r\n", "OK\r\n"))

        // What was told before the flush comes; what it took does not.
        let told = try Self.lines(client, until: "END\r\n").count
        #expect(told > 100 && told < Self.count)
        #expect(try client.exchange("mn\r\n", "MN\r\n"))
    }

    @Test("ends with its connection")
    func closed() throws {
        let server = try TestServer.onUnixSocket()
        let other = try Self.filled(server)
        let client = try server.client()
        try client.send("lru_crawler metadump all\r\n")
        #expect(try client.receiveText(4) == "OK\r\n")

        client.close()

        #expect(eventually { server.context.pointee.connectionCount == 1 })
        #expect(server.context.pointee.budget.copiedBytes == 0)
        #expect(try other.exchange("mn\r\n", "MN\r\n"))
    }
}
