import MartletServer
import ServerTesting
import Testing

/// Goal: when clients that send much of a command and no more have used the budget up, somebody else is served who
/// needs little of it. Found by `./martlet exhaust`: the one that came with a small command in two pieces was closed,
/// since only unread replies counted as a reason to give way.
@Suite("A used up buffer budget")
struct BufferBudgetTests {
    @Test("closes who holds much of it, stalled or not, and not who holds little", arguments: [1, 2])
    func givesWay(threadCount: Int) throws {
        // Nobody has been silent for long, however slow the machine is.
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.unixSocketPath = TestServer.freshSocketPath()
            $0.connectionBufferBytesMax = 512 << 10
            $0.threadCount = threadCount
        }
        let holders = try Self.holders(of: server, count: 60)
        // Each connection of ours is a worker's in turn, as theirs are.
        for _ in 0..<8 {
            let other = try server.client()
            for _ in 0..<5 {
                try other.send("set small 0 0 4\r\nab")
                for holder in holders { _ = holder.sendNow([0x78]) }
                #expect(try other.exchange("cd\r\n", "STORED\r\n"))
            }
        }

        // What does not fit is counted for a moment before it is refused.
        #expect(eventually { server.context.pointee.budget.copiedBytes <= (512 << 10) / 8 * 9 })
        #expect(eventually { server.sum { $0.budgetKicks.value } > 0 })
    }

    @Test("does not close who holds little and has been silent for long, for those who hold much")
    func silentWithLittle() throws {
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.connectionBufferBytesMax = 512 << 10
            $0.threadCount = 1
        }
        let silent = try (0..<12).map { _ in try server.client() }
        for client in silent { try client.send("get som") }
        #expect(eventually { server.context.pointee.budget.copiedBytes >= 12 * InputMemory.bytesMin })
        server.context.pointee.clock.advance(seconds: Limits.stalledSecondsMin + 1)

        let holders = try Self.holders(of: server, count: 60)
        defer { withExtendedLifetime(holders) {} }
        #expect(eventually { server.sum { $0.budgetKicks.value } >= 20 })

        for client in silent { #expect(try client.exchange("e\r\n", "END\r\n")) }
    }

    @Test("of values in use closes nobody who holds none of them, however silent")
    func leases() throws {
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.unixSocketPath = TestServer.freshSocketPath()
            $0.memoryBytes = 8 << 20
            $0.threadCount = 1
        }
        let value = TransferredValue.bytes(900_000)
        let storing = try server.client()
        try storing.send(TransferredValue.set("large", value))
        #expect(try storing.exchange("", "STORED\r\n"))
        let silent = try Self.holders(of: server, count: 4)
        #expect(eventually { server.context.pointee.budget.copiedBytes >= 60_000 })
        server.context.pointee.clock.advance(seconds: Limits.stalledSecondsMin + 1)

        let readers = try (0..<10).map { _ in
            let reader = try server.client()
            try reader.send("get large\r\n")
            return reader
        }
        defer { withExtendedLifetime(readers) {} }
        #expect(eventually { server.sum { $0.budgetKicks.value } >= 4 })

        for holder in silent {
            try holder.send([UInt8](repeating: 0x78, count: 1000))
            #expect(try holder.exchange("\r\n", "STORED\r\n"))
        }
    }

    /// Clients that have sent 15,000 bytes of a value of 16,000 and no more.
    private static func holders(of server: TestServer, count: Int) throws -> [TestClient] {
        let part = [UInt8](repeating: 0x78, count: 15_000)
        return try (0..<count).map { _ in
            let holder = try server.client()
            try holder.send("set large 0 0 16000\r\n")
            _ = holder.sendNow(part)
            return holder
        }
    }
}
