import MartletRing
import Testing

/// The code of the module's article, as it stands there.
@Suite("Ring: article")
struct ArticleTests {
    @Test("The article's code does what it says")
    func overview() {
        let servers = [RingServer(host: "10.0.1.1"), RingServer(host: "10.0.1.2", weight: 2)]
        let ring = HashRing(servers: servers, distribution: .ketama)
        let server = ring.servers[ring.server(for: "user:17")]
        let copies = ring.servers(for: "user:17", count: 2).map { ring.servers[$0] }

        #expect(copies.count == 2)
        #expect(copies.first == server)
        #expect(Set(copies.map(\.name)).count == 2)
    }
}
