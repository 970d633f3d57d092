import ClientTesting
import MartletClient
import Testing

extension ClientTests {
    /// Which process a server is, when it comes back.
    @Suite("Servers that come back")
    struct IdentityTests {
        @Test("A server is its process and its start, give or take a second")
        func identities() throws {
            let text = "STAT pid 42\r\nSTAT uptime 100\r\nSTAT time 5000\r\nSTAT version 1.6.45\r\nEND\r\n"
            let one = try #require(ServerIdentity(statistics: text))

            #expect(one == ServerIdentity(statistics: text.replacing("uptime 100", with: "uptime 101")))
            #expect(one != ServerIdentity(statistics: text.replacing("uptime 100", with: "uptime 3")))
            #expect(one != ServerIdentity(statistics: text.replacing("pid 42", with: "pid 43")))
            #expect(ServerIdentity(statistics: "ERROR\r\n") == nil)
            #expect(ServerIdentity(statistics: "STAT pid 1\r\nSTAT uptime 1\r\nEND\r\n") == nil)
            #expect(
                ServerIdentity(
                    statistics: "STAT pid -1\r\nSTAT uptime \(Int64.min)\r\nSTAT time \(Int64.max)\r\nEND\r\n")
                    != nil)
        }

        @Test(
            "More failed changes than can be remembered matter if the process is the same, and not if it is a new one",
            arguments: [true, false])
        func overflow(isSame: Bool) async throws {
            var server = try ServerProcess()
            let gate = try await Gate(to: server.path)
            let cache = CacheFixture.client(for: [gate.path]) {
                $0.probeDelay = .milliseconds(20)
                $0.probeDelayMax = .milliseconds(50)
                $0.invalidationsMax = 2
                $0.asksIdentity = true
            }
            #expect(await eventually { (try? await cache.setValue("old", for: "k")) != nil })
            // The server's statistics are asked for behind its first answer.
            #expect(await eventually { cache.knowsIdentities })
            var events = cache.events.makeAsyncIterator()

            await gate.close()
            for number in 0..<10 {
                await #expect(throws: CacheError.self) { try await cache.removeValue(for: CacheKey("k\(number)")) }
            }
            if !isSame {
                let path = server.path
                server.kill()
                server = try ServerProcess(path: path)
            }
            try await gate.open()

            var seen: [String] = []
            while seen.last != "up" {
                switch await events.next() {
                case .invalidationsLost: seen.append("lost")
                case .serverUp: seen.append("up")
                case .serverDown: seen.append("down")
                default: break
                }
            }
            #expect(seen.contains("lost") == isSame)
            await cache.shutDown()
            await gate.close()
            server.kill()
        }
    }
}
