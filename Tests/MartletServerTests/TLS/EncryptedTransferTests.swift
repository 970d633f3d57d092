#if TLS

import Glibc
import MartletServer
import ServerTesting
import Testing

/// Goal: what goes through a session arrives unharmed, however it is cut on the way, and nothing waits for input that
/// has arrived already.
@Suite("TLS: requests and replies on their way")
struct EncryptedTransferTests {
    private static let sizes = [0, 1, 2047, 4097, 16_383, 16_384, 16_385, 65_536, 100_000, 1_000_000]

    @Test("come back as they were sent", arguments: sizes, [2, 3])
    func roundTrip(size: Int, version: Int) throws {
        let server = try TestServer(try Certificates())
        let client = try server.tlsClient(.init(versions: version...version))
        let value = TransferredValue.bytes(size)

        try client.send(TransferredValue.set("k", value))
        #expect(try client.receive(8) == Array("STORED\r\n".utf8))
        try client.send("get k\r\n")

        let expected = TransferredValue.reply("k", value)
        #expect(try client.receive(expected.count) == expected)
    }

    @Test("come back as they were sent when sockets take and give little", arguments: [1, 13, 1000, 4097])
    func shortCalls(most: Int) throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(try Certificates(), syscalls: syscalls.table)
        let client = try server.tlsClient()
        syscalls.receiveBytesMax.store(most, ordering: .relaxed)
        syscalls.sendBytesMax.store(most, ordering: .relaxed)

        for size in Self.sizes where size / most < 5000 {
            let value = TransferredValue.bytes(size, seed: most)
            try client.send(TransferredValue.set("k", value) + Array("get k\r\n".utf8))
            let expected = Array("STORED\r\n".utf8) + TransferredValue.reply("k", value)
            #expect(try client.receive(expected.count) == expected)
        }
    }

    @Test("go on where a full socket has stopped them", arguments: [1, 100, 16_000, 16_500, 100_001])
    func fullSocket(bytes: Int) throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(try Certificates(), syscalls: syscalls.table)
        let client = try server.tlsClient()
        let (small, large) = (TransferredValue.bytes(300), TransferredValue.bytes(200_000, seed: 5))
        try client.send(TransferredValue.set("s", small) + TransferredValue.set("l", large))
        #expect(try client.receive(16) == Array("STORED\r\nSTORED\r\n".utf8))
        let keys = "s l s s l s"

        syscalls.sendBytesLeft.store(bytes, ordering: .relaxed)
        try client.send("get \(keys)\r\n")
        #expect(eventually { syscalls.sendBytesLeft.load(ordering: .relaxed) == 0 })
        syscalls.sendBytesMax.store(5000, ordering: .relaxed)
        syscalls.sendBytesLeft.store(-1, ordering: .relaxed)

        let values = keys.split(separator: " ").flatMap { key in
            TransferredValue.reply(String(key), key == "s" ? small : large).dropLast(5)
        }
        let expected = values + Array("END\r\n".utf8)
        #expect(try client.receive(expected.count) == expected)
    }

    @Test("are answered although the socket has nothing more to tell", arguments: [16, 100, 5000, 16_384])
    func inputInside(packetBytes: Int) throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(try Certificates(), syscalls: syscalls.table) { $0.threadCount = 1 }
        let client = try server.tlsClient()
        #expect(client.isServed())
        var requests: [UInt8] = []
        var replies: [UInt8] = []
        for number in 0..<60 {
            let value = TransferredValue.bytes(number * 97, seed: number)
            requests += TransferredValue.set("k\(number)", value) + Array("get k\(number)\r\n".utf8)
            replies += Array("STORED\r\n".utf8) + TransferredValue.reply("k\(number)", value)
        }

        // All of it lies in the socket before the server reads the first byte.
        syscalls.holdsReceives.store(true, ordering: .releasing)
        defer { syscalls.holdsReceives.store(false, ordering: .releasing) }
        try client.send(requests, most: packetBytes)
        syscalls.holdsReceives.store(false, ordering: .releasing)

        #expect(try client.receive(replies.count) == replies)
    }

    @Test("of a turn that ended early are answered, too")
    func fewCommandsPerTurn() throws {
        let server = try TestServer(try Certificates()) {
            $0.commandsPerTurn = 1
            $0.threadCount = 1
        }
        let client = try server.tlsClient()
        let count = 9000

        // More than one read of the server brings, in few packets.
        try client.send(String(repeating: "mn\r\nnonsense\r\n", count: count))

        let expected = Array(String(repeating: "MN\r\nERROR\r\n", count: count).utf8)
        #expect(try client.receive(expected.count) == expected)
    }

    @Test("are read again when what was pending is sent")
    func readAfterSending() throws {
        let server = try TestServer(try Certificates()) { $0.threadCount = 1 }
        let client = try server.tlsClient()
        let value = TransferredValue.bytes(1_000_000)
        try client.send(TransferredValue.set("l", value))
        #expect(try client.receive(8) == Array("STORED\r\n".utf8))
        let expected = TransferredValue.reply("l", value)

        // More than sockets hold, and then requests that arrive while nothing of it is read.
        for _ in 0..<8 { try client.send("get l\r\n") }
        for _ in 0..<1000 { try client.send("mn\r\n") }

        for _ in 0..<8 { #expect(try client.receive(expected.count) == expected) }
        #expect(try client.receive(4000) == Array(String(repeating: "MN\r\n", count: 1000).utf8))
    }

    @Test("may be gathered in buffers of another size", arguments: [1, 3, 64])
    func gathering(kilobytes: Int) throws {
        let server = try TestServer(try Certificates()) { $0.tls.writeBytesMax = kilobytes << 10 }
        let client = try server.tlsClient()
        let values = [10, 5000, 900, 40_000, 3, 100_000].map { TransferredValue.bytes($0, seed: $0) }
        for (index, value) in values.enumerated() {
            try client.send(TransferredValue.set("k\(index)", value))
            #expect(try client.receive(8) == Array("STORED\r\n".utf8))
        }

        try client.send("get k0 k1 k2 k3 k4 k5 k0\r\n")

        let order = [0, 1, 2, 3, 4, 5, 0]
        let found = order.flatMap { TransferredValue.reply("k\($0)", values[$0]).dropLast(5) }
        let expected = found + Array("END\r\n".utf8)
        #expect(try client.receive(expected.count) == expected)
    }

    @Test("survive changes of keys, also while replies find no room")
    func keyUpdates() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(try Certificates(), syscalls: syscalls.table)
        let client = try server.tlsClient(.init(versions: 3...3))
        for _ in 0..<20 {
            #expect(client.updateKeys())
            #expect(client.isServed())
        }

        syscalls.sendBytesLeft.store(0, ordering: .relaxed)
        let before = syscalls.sendCalls.load(ordering: .relaxed)
        for _ in 0..<3 { #expect(client.updateKeys()) }
        try client.send("mn\r\n")
        #expect(eventually { syscalls.sendCalls.load(ordering: .relaxed) > before + 2 })
        syscalls.sendBytesLeft.store(-1, ordering: .relaxed)

        #expect(try client.receive(4) == Array("MN\r\n".utf8))
        #expect(client.isServed())
    }

    @Test("count as what they are, not as what they become")
    func counted() throws {
        let server = try TestServer(try Certificates())
        let client = try server.tlsClient()

        #expect(client.isServed())

        #expect(server.sum { $0.bytesRead.value } == 4)
        #expect(eventually { server.sum { $0.bytesWritten.value } == 4 })
    }
}

#endif
