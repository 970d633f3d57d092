import ExecutionTesting
import MartletServer
import StoreTesting
import Testing

/// The binary protocol, without sockets. Tokens are compared by whether there is one.
struct BinaryTests {
    private let server: LogicServer
    private let connection: LogicConnection

    init() throws {
        server = try LogicServer()
        connection = server.connect()
    }

    private func ask(_ packets: BinaryPacket...) throws -> [BinaryPacket] {
        connection.send(packets.flatMap(\.bytes))
        return try #require(BinaryPacket.all(connection.takeReplies())).map {
            var packet = $0
            packet.token = packet.token == 0 ? 0 : 1
            return packet
        }
    }

    private func set(
        _ key: String, _ value: String, _ opcode: UInt8 = 0x01, flags: UInt32 = 0, expiry: UInt32 = 0,
        token: UInt64 = 0,
        opaque: UInt32 = 0
    ) -> BinaryPacket {
        BinaryPacket(
            opcode, key: key, value: Array(value.utf8),
            extras: BinaryPacket.bytes(flags) + BinaryPacket.bytes(expiry), opaque: opaque, token: token)
    }

    private func count(
        _ opcode: UInt8, _ key: String, by delta: UInt64, from initial: UInt64 = 0, expiry: UInt32 = .max
    ) -> BinaryPacket {
        BinaryPacket(
            opcode, key: key,
            extras: BinaryPacket.bytes(delta) + BinaryPacket.bytes(initial) + BinaryPacket.bytes(expiry))
    }

    private static let flags7: [UInt8] = [0, 0, 0, 7]

    @Test func `what is set is got, with flags, token and opaque`() throws {
        #expect(try ask(set("k", "value", flags: 7, opaque: 99)) == [.reply(0x01, opaque: 99, token: 1)])
        #expect(
            try ask(BinaryPacket(0x00, key: "k", opaque: 5))
                == [.reply(0x00, value: "value", extras: Self.flags7, opaque: 5, token: 1)])
        #expect(
            try ask(BinaryPacket(0x0C, key: "k")) == [
                .reply(0x0C, key: "k", value: "value", extras: Self.flags7, token: 1)
            ])
        #expect(connection.ask("") == "")
    }

    @Test func `a token that is hidden matches no item, not even one that was given the greatest`() throws {
        var settings = ServerSettings()
        settings.issuesTokens = false
        let server = try LogicServer(settings)
        #expect(server.connect().ask("ms k 1 E18446744073709551615\r\n1\r\n") == "HD\r\n")
        let connection = server.connect()
        var counted = count(0x05, "k", by: 1)
        counted.token = 5

        connection.send(counted.bytes + BinaryPacket(0x04, key: "k", token: 5).bytes)

        let exists = "Data exists for key."
        #expect(
            BinaryPacket.all(connection.takeReplies()) == [
                .reply(0x05, value: exists, status: 2), .reply(0x04, value: exists, status: 2),
            ])
    }

    @Test func `a miss says so, quietly not at all, and getk tells the key`() throws {
        #expect(try ask(BinaryPacket(0x00, key: "k")) == [.reply(0x00, value: "Not found", status: 1)])
        #expect(try ask(BinaryPacket(0x0C, key: "k")) == [.reply(0x0C, key: "k", status: 1)])
        #expect(
            try ask(BinaryPacket(0x09, key: "k"), BinaryPacket(0x0D, key: "k"), BinaryPacket(0x0A)) == [.reply(0x0A)])
    }

    @Test func `a row of quiet gets and the noop behind it are answered at once`() throws {
        _ = try ask(set("a", "1", 0x11), set("c", "3", 0x11))

        let replies = try ask(
            BinaryPacket(0x0D, key: "a"), BinaryPacket(0x0D, key: "b"), BinaryPacket(0x0D, key: "c"), BinaryPacket(0x0A)
        )

        #expect(
            replies == [
                .reply(0x0D, key: "a", value: "1", extras: [0, 0, 0, 0], token: 1),
                .reply(0x0D, key: "c", value: "3", extras: [0, 0, 0, 0], token: 1), .reply(0x0A),
            ])
    }

    @Test func `add, replace, append and prepend refuse as memcached does, the quiet ones too`() throws {
        let exists = "Data exists for key."
        #expect(try ask(set("k", "x", 0x03)) == [.reply(0x03, value: "Not found", status: 1)])
        #expect(try ask(set("k", "x", 0x13)) == [.reply(0x13, value: "Not found", status: 1)])
        #expect(
            try ask(BinaryPacket(0x0E, key: "k", value: [0x79])) == [.reply(0x0E, value: "Not stored.", status: 5)])
        #expect(try ask(set("k", "x", 0x02)) == [.reply(0x02, token: 1)])
        #expect(try ask(set("k", "x", 0x12)) == [.reply(0x12, value: exists, status: 2)])
        #expect(
            try ask(BinaryPacket(0x19, key: "k", value: [0x79]), BinaryPacket(0x0F, key: "k", value: [0x77]))
                == [.reply(0x0F, token: 1)])
        #expect(
            try ask(BinaryPacket(0x00, key: "k")) == [.reply(0x00, value: "wxy", extras: [0, 0, 0, 0], token: 1)])
    }

    @Test func `a token is compared by set, delete, append and the counters`() throws {
        _ = try ask(set("k", "5"))
        let exists = "Data exists for key."
        #expect(try ask(set("k", "6", token: 1 << 60)) == [.reply(0x01, value: exists, status: 2)])
        #expect(try ask(set("n", "6", token: 9)) == [.reply(0x01, value: "Not found", status: 1)])
        #expect(
            try ask(BinaryPacket(0x04, key: "k", token: 1 << 60)) == [.reply(0x04, value: exists, status: 2)])
        #expect(
            try ask(BinaryPacket(0x0E, key: "k", value: [0x79], token: 1 << 60))
                == [.reply(0x0E, value: exists, status: 2)])
        connection.send(BinaryPacket(0x00, key: "k").bytes)
        let token = try #require(BinaryPacket.all(connection.takeReplies())?.first).token
        #expect(try ask(BinaryPacket(0x04, key: "k", token: token)) == [.reply(0x04)])
        #expect(try ask(BinaryPacket(0x04, key: "k")) == [.reply(0x04, value: "Not found", status: 1)])
    }

    @Test func `a counter is made, counted and never below nothing`() throws {
        func value(_ number: UInt64) -> BinaryPacket {
            var reply = BinaryPacket.reply(0x05, token: 1)
            reply.value = BinaryPacket.bytes(number)
            return reply
        }
        #expect(try ask(count(0x05, "n", by: 1)) == [.reply(0x05, value: "Not found", status: 1)])
        #expect(try ask(count(0x05, "n", by: 1, from: 10, expiry: 0)) == [value(10)])
        #expect(try ask(count(0x05, "n", by: .max)) == [value(9)])
        #expect(try ask(count(0x16, "n", by: 100), count(0x15, "n", by: 3), count(0x05, "n", by: 1)) == [value(4)])
        _ = try ask(set("t", "text"))
        #expect(
            try ask(count(0x15, "t", by: 1))
                == [.reply(0x15, value: "Non-numeric server-side value for incr or decr", status: 6)])
    }

    @Test func `touch gives a new life and tells the flags; gat tells the value`() throws {
        _ = try ask(set("k", "v", flags: 7, expiry: 10))
        #expect(
            try ask(BinaryPacket(0x1C, key: "k", extras: [0, 0, 0, 100]))
                == [.reply(0x1C, extras: Self.flags7, token: 1)])
        server.advance(seconds: 50)
        #expect(
            try ask(BinaryPacket(0x1D, key: "k", extras: [0, 0, 0, 10]))
                == [.reply(0x1D, value: "v", extras: Self.flags7, token: 1)])
        #expect(
            try ask(BinaryPacket(0x24, key: "k", extras: [0, 0, 0, 10]))
                == [.reply(0x24, key: "k", value: "v", extras: Self.flags7, token: 1)])
        server.advance(seconds: 11)
        #expect(
            try ask(BinaryPacket(0x1C, key: "k", extras: [0, 0, 0, 0])) == [.reply(0x1C, value: "Not found", status: 1)]
        )
        #expect(try ask(BinaryPacket(0x1E, key: "k", extras: [0, 0, 0, 0])) == [])
    }

    @Test func `flush forgets, version tells, quit closes, and a quiet quit says nothing`() throws {
        _ = try ask(set("k", "v"))
        #expect(try ask(BinaryPacket(0x08)) == [.reply(0x08)])
        #expect(try ask(BinaryPacket(0x18, extras: [0, 0, 0, 0])) == [])
        #expect(try ask(BinaryPacket(0x09, key: "k")) == [])
        #expect(try ask(BinaryPacket(0x0B)) == [.reply(0x0B, value: ServerVersion.wire.description)])
        #expect(try ask(BinaryPacket(0x07)) == [.reply(0x07)])
        #expect(connection.isClosed)
        let other = server.connect()
        other.send(BinaryPacket(0x17).bytes + BinaryPacket(0x0A).bytes)
        #expect(other.isClosed && other.takeReplies() == [])
    }

    @Test func `statistics are packets, the last one empty, and what is unknown is not found`() throws {
        let replies = try ask(BinaryPacket(0x10, opaque: 3))
        let pid = replies.first { $0.key == Array("pid".utf8) }

        #expect(replies.allSatisfy { $0.opcode == 0x10 && $0.opaque == 3 && $0.status == 0 })
        #expect(pid.map { !$0.value.isEmpty } == true)
        #expect(replies.last?.key == [] && replies.last?.value == [])
        #expect(try ask(BinaryPacket(0x10, key: "settings")).count > 40)
        #expect(try ask(BinaryPacket(0x10, key: "reset")) == [.reply(0x10)])
        #expect(try ask(BinaryPacket(0x10, key: "detail on")) == [.reply(0x10)])
        #expect(try ask(BinaryPacket(0x10, key: "detail dump")).map(\.key) == [Array("detailed".utf8), []])
        #expect(try ask(BinaryPacket(0x10, key: "nothing")) == [.reply(0x10, value: "Not found", status: 1)])
        #expect(
            try ask(BinaryPacket(0x10, key: "cachedump 1 0")) == [.reply(0x10, value: "Not found", status: 1)])
    }

    @Test func `prefixes are counted from the request behind detail on`() throws {
        let replies = try ask(
            BinaryPacket(0x10, key: "detail on"), set("a:k", "v"), BinaryPacket(0x10, key: "detail off"),
            BinaryPacket(0x04, key: "a:k"), BinaryPacket(0x10, key: "detail dump"))

        let told = try #require(replies.first { $0.key == Array("detailed".utf8) })
        #expect(String(decoding: told.value, as: UTF8.self).hasPrefix("PREFIX a get 0 hit 0 set 1 del 0"))
    }

    @Test func `prefixes are told in one piece, or not at all where that would be long`() throws {
        _ = try ask(BinaryPacket(0x10, key: "detail on"))
        for number in 0..<Limits.prefixesInOnePieceMax { connection.send(BinaryPacket(0x14, key: "\(number):k").bytes) }
        _ = connection.takeReplies()

        let replies = try ask(BinaryPacket(0x10, key: "detail dump"))
        #expect(replies.map(\.key) == [Array("detailed".utf8), []])
        #expect(replies[0].value.split(separator: 0x0A).count == Limits.prefixesInOnePieceMax + 1)
        _ = try ask(BinaryPacket(0x14, key: "one more:k"))
        #expect(try ask(BinaryPacket(0x10, key: "detail dump")).map(\.status) == [0x82])
        #expect(try ask(BinaryPacket(0x10, key: "conns")).last?.key == [])
    }

    @Test func `an unknown opcode is refused and its body skipped, whatever it looks like`() throws {
        let inside = BinaryPacket(0x08).bytes

        #expect(
            try ask(BinaryPacket(0x1B, key: "k", value: inside), set("k", "v"), BinaryPacket(0x0A))
                == [.reply(0x1B, value: "Unknown command", status: 0x81), .reply(0x01, token: 1), .reply(0x0A)])
    }

    @Test func `parts that do not fit cost the connection, after the answers so far`() throws {
        #expect(
            try ask(set("k", "v"), BinaryPacket(0x00, key: "k", value: [1]), BinaryPacket(0x0A))
                == [.reply(0x01, token: 1), .reply(0x00, value: "Invalid arguments", status: 4)])
        #expect(connection.isClosed)
    }

    @Test func `a value over the limit is refused, the old one gone, and the connection goes on`() throws {
        _ = try ask(set("k", "old"))
        let large = String(repeating: "x", count: 1 << 20)

        #expect(
            try ask(set("k", large, 0x11), BinaryPacket(0x09, key: "k"), BinaryPacket(0x0A))
                == [.reply(0x11, value: "Too large.", status: 3), .reply(0x0A)])
    }

    @Test func `where tokens are hidden a store ignores one, and a delete or a count compares it in vain`() throws {
        var settings = ServerSettings()
        settings.issuesTokens = false
        let connection = try LogicServer(settings).connect()
        let stores = [
            set("k", "1", token: 5), set("k", "2", 0x02, token: 5), set("k", "3", 0x03, token: 5),
            BinaryPacket(0x0E, key: "k", value: [0x34], token: 5),
        ]

        connection.send(stores.flatMap(\.bytes))
        var counted = count(0x05, "k", by: 1)
        counted.token = 5
        connection.send(counted.bytes + BinaryPacket(0x04, key: "k", token: 5).bytes)
        connection.send(BinaryPacket(0x00, key: "k").bytes)

        let exists = "Data exists for key."
        #expect(
            BinaryPacket.all(connection.takeReplies()) == [
                .reply(0x01), .reply(0x02, value: exists, status: 2), .reply(0x03), .reply(0x0E),
                .reply(0x05, value: exists, status: 2), .reply(0x04, value: exists, status: 2),
                .reply(0x00, value: "34", extras: [0, 0, 0, 0]),
            ])
    }

    @Test func `flush can be forbidden`() throws {
        var settings = ServerSettings()
        settings.allowsFlush = false
        let connection = try LogicServer(settings).connect()

        connection.send(BinaryPacket(0x18).bytes)

        #expect(
            BinaryPacket.all(connection.takeReplies()) == [.reply(0x18, value: "Auth failure.", status: 0x20)])
    }
}
