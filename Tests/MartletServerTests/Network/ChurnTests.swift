import Glibc
import MartletServer
import ServerTesting
import Synchronization
import Testing

/// Goal: connections that come, go and break in the middle of anything leave nothing behind and disturb nobody.
/// Method: several threads do so at random, with a printed seed; one client keeps asking all the while, and the list of
/// connections is read all the while.
@Suite("Connections that come and go")
struct ChurnTests {
    /// One thread's clients.
    private final class Visitor {
        let server: TestServer
        var random: UInt64
        private var thread = pthread_t()

        init(_ server: TestServer, seed: UInt64) {
            self.server = server
            random = seed
        }

        private func next(_ bound: UInt64) -> Int {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            return Int(random % bound)
        }

        func start() {
            pthread_create(
                &thread, nil,
                { context in
                    Unmanaged<Visitor>.fromOpaque(context!).takeRetainedValue().visit()
                    return nil
                }, Unmanaged.passRetained(self).toOpaque())
        }

        func wait() { pthread_join(thread, nil) }

        private func visit() {
            for _ in 0..<150 {
                guard let client = try? server.client() else { continue }
                let lines = Array(repeatElement(Array("nonsense\r\n".utf8), count: next(3000)).joined())
                let text = Array(lines.dropLast(next(10)))
                _ = client.sendNow(text)
                switch next(5) {
                case 0: break
                // Less than a line has no reply that could be waited for.
                case 1 where text.contains(10): _ = try? client.receiveSome(1000)
                case 2:
                    shutdown(client.descriptor, Int32(SHUT_WR))
                    _ = try? client.receiveAll()
                case 3:
                    var hard = linger(l_onoff: 1, l_linger: 0)
                    setsockopt(client.descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
                default:
                    _ = client.sendNow(Array("\r\nquit\r\n".utf8))
                }
                client.close()
            }
        }
    }

    @Test("disturb nobody and leave nothing behind")
    func comeAndGo() throws {
        let seed = UInt64.random(in: 1 ... .max)
        let server = try TestServer { $0.threadCount = 2 }
        let steady = try server.client()
        let visitors = (0..<3).map { Visitor(server, seed: seed &+ UInt64($0)) }

        for visitor in visitors { visitor.start() }
        for _ in 0..<300 {
            #expect(try steady.exchange("nonsense\r\nnonsense\r\n", "ERROR\r\nERROR\r\n"), "seed \(seed)")
            #expect(server.context.pointee.connectionSnapshots().count >= 2)
        }
        for visitor in visitors { visitor.wait() }

        #expect(eventually { server.context.pointee.connectionCount == 1 }, "seed \(seed)")
        // Given back behind the reply.
        #expect(eventually { server.context.pointee.budget.copiedBytes == 0 }, "seed \(seed)")
        #expect(try steady.exchange("nonsense\r\n", "ERROR\r\n"))
    }
}
