import Glibc
import MartletServer
import ServerTesting
import Testing

@Suite("Connections of one address")
struct AddressCountTests {
    private static let refusal = "ERROR Too many open connections\r\n"

    @Test("are refused beyond their share, and let in again when others of it have gone")
    func share() throws {
        let server = try TestServer { $0.connectionsPerAddressMax = 3 }
        let clients = try (0..<3).map { _ in try server.client() }
        for client in clients { #expect(try client.exchange("mn\r\n", "MN\r\n")) }

        let refused = try server.client()
        #expect(String(decoding: try refused.receiveAll(), as: UTF8.self) == Self.refusal)
        clients[1].close()

        #expect(eventually { server.context.pointee.connectionCount == 2 })
        #expect(try server.client().exchange("mn\r\n", "MN\r\n"))
        #expect(server.context.pointee.listenerCounters.rejected.value == 1)
    }

    @Test("are not counted over a Unix socket, nor without the option")
    func unbounded() throws {
        let server = try TestServer.onUnixSocket { $0.connectionsPerAddressMax = 1 }
        let clients = try (0..<5).map { _ in try server.client() }
        for client in clients { #expect(try client.exchange("mn\r\n", "MN\r\n")) }

        let counts = AddressCounts(max: 0)
        for _ in 0..<100 {
            let isCounted = counts.add(Self.peer(1))
            #expect(isCounted)
        }
    }

    @Test("of IPv6 are those of its first half, and IPv4 addresses are each their own")
    func networks() {
        let counts = AddressCounts(max: 1)

        let answers = [
            counts.add(Self.peer(1)), counts.add(Self.peer(1)), counts.add(Self.peer(2)), counts.add(Self.peer6(7, 1)),
            counts.add(Self.peer6(7, 2)),
        ]
        counts.remove(Self.peer6(7, 1))
        let again = counts.add(Self.peer6(7, 2))

        #expect(answers == [true, false, true, true, false])
        #expect(again)
    }

    private static func peer(_ last: UInt8) -> PeerAddress {
        var storage = sockaddr_storage()
        storage.ss_family = sa_family_t(AF_INET)
        withUnsafeMutableBytes(of: &storage) { $0.copyBytes(from: [UInt8(AF_INET), 0, 0, 9, 192, 0, 2, last]) }
        return PeerAddress(&storage)
    }

    private static func peer6(_ network: UInt8, _ last: UInt8) -> PeerAddress {
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) {
            $0.copyBytes(from: [UInt8(AF_INET6), 0, 0, 9, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, network])
            $0[23] = last
        }
        return PeerAddress(&storage)
    }
}
