import MartletServer
import ServerTesting
import Testing

/// Goal: where the system has no memory for what one connection would have to keep, that connection ends or is told so,
/// and nothing else happens. `./martlet simulate-faults` has it happen anywhere; these are the places by name.
@Suite("Without memory")
struct MemoryFaultTests {
    private let faults = FaultySyscalls()
    private let server: TestServer
    /// Open before memory has ended.
    private let other: TestClient

    init() throws {
        server = try TestServer(syscalls: faults.table) {
            $0.unixSocketPath = TestServer.freshSocketPath()
            $0.threadCount = 1
        }
        other = try server.client()
        #expect(try other.exchange("mn\r\n", "MN\r\n"))
    }

    private func refuseMemory(_ refuses: Bool) { faults.refusesMemory.store(refuses, ordering: .releasing) }

    /// Others are served meanwhile, and everybody is afterwards.
    private func goesOn() throws {
        #expect(try other.exchange("mg nothing v\r\n", "EN\r\n"))
        refuseMemory(false)
        let later = try server.client()
        #expect(try later.exchange("get nothing\r\n", "END\r\n"))
        #expect(eventually { server.context.pointee.connectionCount == 2 })
        #expect(server.context.pointee.budget.copiedBytes == 0 && server.context.pointee.budget.leasedBytes == 0)
    }

    @Test("for a connection it is closed, and counted")
    func connection() throws {
        refuseMemory(true)

        #expect(try server.client().receiveAll() == [])

        #expect(server.sum { $0.memoryKicks.value } == 1)
        try goesOn()
    }

    @Test("for half a command its connection ends; what was answered before it is sent")
    func unfinished() throws {
        let client = try server.client()
        #expect(try client.exchange("mn\r\n", "MN\r\n"))
        refuseMemory(true)

        try client.send("mn\r\nget som")

        #expect(try client.receive(4) == Array("MN\r\n".utf8))
        #expect(try client.receiveAll() == [])
        client.close()
        try goesOn()
    }

    @Test("for a large value the command is refused, and the connection goes on")
    func largeValue() throws {
        let client = try server.client()
        #expect(try client.exchange("mn\r\n", "MN\r\n"))
        refuseMemory(true)

        try client.send(TransferredValue.set("big", TransferredValue.bytes(100_000)))
        #expect(try client.exchange("mn\r\n", "SERVER_ERROR out of memory storing object\r\nMN\r\n"))

        client.close()
        try goesOn()
    }

    @Test("for replies that the socket does not take the connection ends")
    func unread() throws {
        let client = try server.client()
        #expect(try client.exchange("set a 0 0 5\r\nhello\r\n", "STORED\r\n"))
        refuseMemory(true)
        faults.sendBytesLeft.store(10, ordering: .releasing)

        try client.send("get a a a\r\n")

        #expect(try client.receiveAll() == Array("VALUE a 0 ".utf8))
        faults.sendBytesLeft.store(-1, ordering: .releasing)
        client.close()
        try goesOn()
    }

    @Test(
        "for the answer to a rare command it is refused, and the connection goes on",
        arguments: [
            ("stats\r\n", "SERVER_ERROR out of memory writing stats\r\n"),
            ("stats conns\r\n", "SERVER_ERROR out of memory writing stats\r\n"),
            ("lru_crawler metadump all\r\n", "SERVER_ERROR out of memory\r\n"),
        ])
    func answer(command: String, refusal: String) throws {
        let client = try server.client()
        #expect(try client.exchange("mn\r\n", "MN\r\n"))
        refuseMemory(true)

        #expect(try client.exchange(command + "mn\r\n", refusal + "MN\r\n"))

        client.close()
        try goesOn()
    }
}
