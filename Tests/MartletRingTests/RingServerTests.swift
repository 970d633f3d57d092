import MartletRing
import Testing

@Suite("Servers and tags of rings")
struct RingServerTests {
    @Test("Servers are read as configurations spell them")
    func reading() throws {
        let server = try #require(RingServer("10.0.1.1"))
        #expect((server.host, server.port, server.weight) == ("10.0.1.1", 11211, 1))
        #expect(RingServer("a:11212")?.name == "a:11212")
        #expect(RingServer("a:11212:8")?.weight == 8)
        #expect(RingServer("[::1]:11212:3")?.host == "::1")
        #expect(RingServer("[::1]:11212")?.description == "[::1]:11212")
        #expect(RingServer("[::1]")?.port == 11211)
        #expect(RingServer("/run/cache.sock")?.port == 0)
        #expect(RingServer("/run/cache.sock")?.name == "/run/cache.sock")
    }

    @Test(
        "What is no server is refused",
        arguments: [
            "", ":", ":11211", "a:", "a:b", "a:65536", "a:1:0", "a:1:100001", "a:1:4294967295", "a:1:2:3", "a:1:",
            "[::1", "[::1]x", "a:0", "[::1]:0", "a:0:3", "a:-1", "a:+5", "a:5:+2", "a:5:-2", "a: 5", "a:\u{0665}",
        ])
    func refusal(text: String) {
        #expect(RingServer(text) == nil)
    }

    // Found by `./martlet fuzz topology`: a path with a colon lost its brackets.
    @Test(
        "A server is read again from its description",
        arguments: [
            "[/run/a:1]", "[/run/a:1]:0:3", "[/history.json:\u{05}:1]:0:3", "[[a]:1", "[[a:b]", "[::1]:1", "[a]",
            "/run/a",
            "[/[a]", "[[/a]:1",
        ])
    func description(text: String) throws {
        let server = try #require(RingServer(text))
        let again = try #require(RingServer(server.description))
        #expect((again.host, again.port) == (server.host, server.port))
    }

    @Test("A weight of nothing counts as one")
    func weight() {
        #expect(RingServer(host: "a", weight: 0).weight == 1)
    }

    @Test("A server with a name of its own has that name on the ring, whatever its port")
    func names() {
        let named = HashRing(servers: [RingServer(name: "10.0.1.1"), RingServer(name: "10.0.1.2")])
        let usual = HashRing(servers: [RingServer(host: "10.0.1.1"), RingServer(host: "10.0.1.2")])

        #expect(named.points.map(\.place) == usual.points.map(\.place))
        #expect(named.servers[0].name == "10.0.1.1")
    }

    @Test("A tag's inside decides; without one, or with an empty one, the whole key does")
    func tags() {
        let servers = (0..<9).map { RingServer(host: "cache-\($0)") }
        let ring = HashRing(servers: servers, hashTag: .braces)
        let plain = HashRing(servers: servers)

        #expect(ring.server(for: "a{user:7}b") == plain.server(for: "user:7"))
        #expect(ring.server(for: "{user:7}{x}") == plain.server(for: "user:7"))
        #expect(ring.server(for: "}{user:7}") == plain.server(for: "user:7"))
        for key in ["user:7", "{}user:7", "{user:7", "user:7}", "{", "}{", ""] {
            #expect(ring.server(for: key) == plain.server(for: key), "\(key)")
        }
        let text = "{}"
        #expect(HashTag(text) == .braces)
        #expect(HashTag("{") == nil)
        #expect(HashTag("äö") == nil)
    }

    @Test("One server has everything")
    func one() {
        for distribution in KeyDistribution.allCases {
            let ring = HashRing(servers: [RingServer(host: "a")], distribution: distribution)
            #expect(ring.server(for: "x") == 0)
            #expect(ring.servers(for: Array("x".utf8).span, count: 2) == [0])
        }
    }
}
