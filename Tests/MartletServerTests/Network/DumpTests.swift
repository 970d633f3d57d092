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

        try client.send("lru_crawler metadump all\r\nlru_crawler mgdump hash\r\nmn\r\n")
        let lines = try Self.lines(client, until: "MN\r\n")

        #expect(lines.count == 2 * Self.count + 5)
        #expect(lines.first == "OK" && lines[Self.count + 1] == "END" && lines[Self.count + 2] == "OK")
        #expect(Set(lines[1...Self.count].map { $0.prefix { $0 != " " } }).count == Self.count)
        let keys = lines[(Self.count + 3)..<(2 * Self.count + 3)]
        #expect(Set(keys).count == Self.count && keys.allSatisfy { $0.hasPrefix("mg k") })
        #expect(lines.suffix(2) == ["EN", "MN"])
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
