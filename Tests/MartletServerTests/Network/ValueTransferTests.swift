import Glibc
import MartletServer
import ServerTesting
import Testing

/// Goal: values of every size and content pass through sockets unharmed, however they are cut, and what waits for a
/// slow client stays bounded.
@Suite("Values on their way")
struct ValueTransferTests {
    private static let sizes = [
        0, 1, 2, 511, 2047, 2048, 4095, 4096, 4097, 16_383, 16_384, 32_768, 65_535, 65_536, 100_000, 1_000_000,
    ]

    @Test("come back as they were sent", arguments: sizes)
    func roundTrip(size: Int) throws {
        let server = try TestServer()
        let client = try server.client()
        let value = TransferredValue.bytes(size)

        try client.send(TransferredValue.set("k", value))
        #expect(try client.receiveText(8) == "STORED\r\n")
        try client.send("get k\r\n")

        let expected = TransferredValue.reply("k", value)
        #expect(try client.receive(expected.count) == expected)
    }

    @Test("come back as they were sent when sockets take and give little", arguments: [1, 13, 1000, 4097])
    func shortCalls(most: Int) throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table)
        let client = try server.client()
        syscalls.receiveBytesMax.store(most, ordering: .relaxed)
        syscalls.sendBytesMax.store(most, ordering: .relaxed)

        for size in Self.sizes where size / most < 5000 {
            let value = TransferredValue.bytes(size, seed: most)
            try client.send(TransferredValue.set("k", value) + Array("get k\r\n".utf8))
            let expected = Array("STORED\r\n".utf8) + TransferredValue.reply("k", value)
            #expect(try client.receive(expected.count) == expected)
        }
    }

    @Test("may be cut anywhere", arguments: [10, 3000, 9000, 70_000])
    func cutAnywhere(size: Int) throws {
        let server = try TestServer()
        let client = try server.client()
        let value = TransferredValue.bytes(size)
        let request = TransferredValue.set("k", value) + Array("get k\r\n".utf8)
        let expected = Array("STORED\r\n".utf8) + TransferredValue.reply("k", value)
        let cuts = Set([
            1, 5, 14, 17, 18, 19, 20, size / 2, size + 16, size + 17, size + 18, size + 19, size + 20, size + 24,
        ])

        for cut in cuts where cut < request.count {
            try client.send(request[..<cut])
            usleep(500)
            try client.send(request[cut...])
            #expect(try client.receive(expected.count) == expected)
        }
    }

    @Test("keep their order in a pipeline of thousands")
    func pipeline() throws {
        let server = try TestServer()
        let client = try server.client()
        var requests: [UInt8] = []
        var expected: [UInt8] = []
        for index in 0..<3000 {
            let value = TransferredValue.bytes(index % 37 == 0 ? 6000 : index % 100, seed: index)
            requests += TransferredValue.set("k\(index % 50)", value) + Array("get k\(index % 50)\r\n".utf8)
            expected += Array("STORED\r\n".utf8) + TransferredValue.reply("k\(index % 50)", value)
        }

        // From another thread: both directions are larger than what the kernel keeps.
        let sender = Sender(client, requests)
        #expect(try client.receive(expected.count) == expected)
        sender.wait()
    }

    @Test("of large multigets that nobody reads are leased within a bound, and come whole in the end")
    func unreadMultigets() throws {
        let server = try TestServer.onUnixSocket()
        let client = try server.client()
        let other = try server.client()
        let values = (0..<8).map { TransferredValue.bytes(200_000, seed: $0) }
        for index in 0..<8 {
            try client.send(TransferredValue.set("k\(index)", values[index]))
            #expect(try client.receiveText(8) == "STORED\r\n")
        }

        let line = "get " + (0..<8).map { "k\($0)" }.joined(separator: " ") + "\r\n"
        try client.send(String(repeating: line, count: 20))
        #expect(eventually { server.context.pointee.budget.leasedBytes > 0 })
        #expect(server.context.pointee.budget.leasedBytes <= Limits.outputBytesFull + 200_000)
        #expect(server.context.pointee.budget.copiedBytes <= Limits.outputBytesFull)
        // What is on its way stays as it was.
        for index in 0..<8 { #expect(try other.exchange("delete k\(index)\r\n", "DELETED\r\n")) }

        let head = try client.receive(TransferredValue.reply("k0", values[0]).count - 5)
        #expect(head == TransferredValue.reply("k0", values[0]).dropLast(5))
        shutdown(client.descriptor, Int32(SHUT_WR))
        let rest = try client.receiveAll()
        #expect(rest.suffix(5) == Array("END\r\n".utf8))
        #expect(eventually { server.context.pointee.budget.leasedBytes == 0 })
    }

    @Test("that wait for a client are let go when it leaves, or the server stops")
    func leasesEnd() throws {
        let server = try TestServer.onUnixSocket()
        for keepsOpen in [false, true] {
            let client = try server.client()
            try client.send(TransferredValue.set("k", TransferredValue.bytes(900_000)))
            #expect(try client.receiveText(8) == "STORED\r\n")
            try client.send("get k\r\n")
            #expect(eventually { server.context.pointee.budget.leasedBytes > 0 })
            if keepsOpen {
                server.stop()
            } else {
                client.close()
                #expect(eventually { server.context.pointee.budget.leasedBytes == 0 })
            }
        }
        #expect(server.context.pointee.budget.leasedBytes == 0)
    }

    @Test("that never arrive are given up at the idle timeout")
    func idleInValue() throws {
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) { $0.idleTimeoutSeconds = 3 }
        let client = try server.client()
        try client.send("nonsense\r\nset k 0 0 500000\r\nonly this")
        #expect(try client.receiveText(7) == "ERROR\r\n")
        #expect(eventually { server.context.pointee.connectionSnapshots().contains { $0.state == "conn_nread" } })

        server.context.pointee.clock.advance(seconds: 4)
        server.server.tick()

        #expect(try client.receiveAll().isEmpty)
        #expect(server.sum { $0.idleKicks.value } == 1)
    }

    @Test("that are too large are answered at once, and the connection stays in step")
    func tooLarge() throws {
        let server = try TestServer()
        let client = try server.client()

        try client.send("set k 0 0 2000000\r\n")
        let refusal = "SERVER_ERROR object too large for cache\r\n"
        #expect(try client.receiveText(refusal.utf8.count) == refusal)
        try client.send(TransferredValue.bytes(2_000_000) + [13, 10])

        #expect(try client.exchange("get k\r\n", "END\r\n"))
    }

    @Test("that are larger than anybody swallows end the connection after the answer, which is not lost")
    func tooLargeToSwallow() throws {
        // Nobody is closed for taking long.
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000))
        let client = try server.client()
        let refusal = "SERVER_ERROR object too large for cache\r\n"

        try client.send("set k 0 0 2000000000\r\n")
        let some = [UInt8](repeating: 0, count: 1 << 20)
        for _ in 0..<3 { _ = try? client.send(some) }

        #expect(String(decoding: try client.receiveAll(), as: UTF8.self) == refusal)
    }
}

/// Sends in a thread of its own.
private final class Sender {
    private let client: TestClient
    private let bytes: [UInt8]
    private var thread = pthread_t()

    init(_ client: TestClient, _ bytes: [UInt8]) {
        self.client = client
        self.bytes = bytes
        pthread_create(
            &thread, nil,
            { context in
                let sender = Unmanaged<Sender>.fromOpaque(context!).takeRetainedValue()
                try? sender.client.send(sender.bytes)
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
    }

    func wait() { pthread_join(thread, nil) }
}
