import MartletServer
import ServerTesting
import Testing

/// What a client of the admin endpoint may do without harm to anybody but itself.
struct HostileRequestTests {
    @Test(arguments: [
        "\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "get a\r\nset b 0 0 1\r\nx\r\n\r\n",
        "\u{16}\u{3}\u{1}\0\0\0\0\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: -1\r\nHost: localhost\r\n\r\n",
        "GET /?after=99999999999999999999999 HTTP/1.0\r\n\r\n",
        "GET /history.json?after=-9223372036854775808 HTTP/1.0\r\n\r\n",
        "GET /%00%ff/../../etc/passwd HTTP/1.0\r\nHost: localhost\r\n\r\n", "GET http://evil.example/ HTTP/1.0\r\n\r\n",
    ])
    func `no request ends the endpoint`(_ request: String) throws {
        let server = try TestServer.withEndpoint()
        let client = try TestClient(port: server.server.adminPort ?? 0)

        try client.send(request)

        #expect(try HTTPExchange(server, "/healthz").status == 200)
    }

    @Test(arguments: [
        ("[::1]", true), ("[::1]:80", true), ("127.0.0.1:80", true), ("localhost", true), ("[::1", false),
        ("[::1]x", false), ("[::2]", false), ("127.0.0.1.example", false), ("", false),
        ("127.+0.0.1", false), ("127.0.0.-0", false),
    ])
    func `only a whole loopback address is this machine`(_ host: String, _ isAllowed: Bool) {
        let verdict = AdminAccess(token: nil, isLoopback: true).verdict(authorization: nil, host: host)

        #expect(verdict == (isAllowed ? .allowed : .foreignHost))
    }

    @Test func `a head without end is cut off`() throws {
        let server = try TestServer.withEndpoint()
        let client = try TestClient(port: server.server.adminPort ?? 0)

        // Either the endpoint closes while this is sent, or it says why.
        try? client.send("GET / HTTP/1.1\r\nX: " + String(repeating: "a", count: 1 << 20))
        let reply = (try? client.receiveAll()) ?? []

        #expect(reply.count < 4096)
        #expect(try HTTPExchange(server, "/healthz").status == 200)
    }

    @Test func `who asks is served though others hold all places, and the cache does not notice`() throws {
        let server = try TestServer.withEndpoint { $0.connectionsMax = 16 }
        let idle = try (0..<80).map { _ in try TestClient(port: server.server.adminPort ?? 0) }
        // Those who have been sent away by now cannot send.
        for connection in idle { try? connection.send("GET /metr") }

        #expect(try HTTPExchange(server, "/metrics").status == 200)
        let client = try server.client()
        #expect(try client.exchange("set a 0 0 1\r\nx\r\nget a\r\n", "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"))
        for connection in idle { connection.close() }
    }

    @Test func `figures asked for in quick succession are gathered once`() throws {
        let server = try TestServer.withEndpoint()

        let bodies = try (0..<50).map { _ in try HTTPExchange(server, "/metrics").body }

        #expect(bodies.allSatisfy { $0.contains("memcached_up 1") })
    }

    @Test func `who has sent the last byte gets the whole reply`() throws {
        let server = try TestServer.withEndpoint()

        let exchange = try HTTPExchange(
            server, raw: "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n", endsThere: true)

        #expect(exchange.status == 200)
        // More than is sent at a time.
        #expect(exchange.body.utf8.count > 16 << 10)
        #expect(exchange.fields["content-length"] == "\(exchange.body.utf8.count)")
    }

    @Test func `a server that is told to stop does so with a request half sent`() throws {
        let server = try TestServer.withEndpoint()
        let client = try TestClient(port: server.server.adminPort ?? 0)
        try client.send("GET /metr")

        server.stop()

        // Closed, or reset because of what was not read.
        #expect(((try? client.receiveAll()) ?? []).isEmpty)
    }
}
