#if TLS

import Glibc
import MartletServer
import ServerTesting
import Testing

/// Goal: everything a connection can do it can do over TLS, to the last word.
@Suite("TLS: what a connection can do")
struct EncryptedServiceTests {
    @Test("it ends with a goodbye, and so does the server")
    func goodbye() throws {
        let server = try TestServer(try Certificates())
        let quitter = try server.tlsClient()
        let idle = try server.tlsClient()
        #expect(idle.isServed())

        try quitter.send("mn\r\nquit\r\n")
        #expect(try quitter.receiveAll() == Array("MN\r\n".utf8))
        #expect(quitter.hasGoodbye)
        server.stop()

        #expect(try idle.receiveAll().isEmpty)
        #expect(idle.hasGoodbye)
    }

    @Test("it ends when the client says goodbye")
    func clientSaysGoodbye() throws {
        let server = try TestServer(try Certificates())
        let client = try server.tlsClient()
        #expect(client.isServed())

        client.sayGoodbye()

        #expect(try client.receiveAll().isEmpty)
        #expect(eventually { server.context.pointee.connectionCount == 0 })
    }

    @Test("it is told of its refusal before it is closed")
    func refusalIsDelivered() throws {
        let server = try TestServer(try Certificates()) { $0.itemBytesMax = 1 << 20 }
        let client = try server.tlsClient()

        try client.send([UInt8](repeating: 0x78, count: 100_000))

        #expect(try client.receiveAll() == Array("CLIENT_ERROR line too long\r\n".utf8) || client.hasGoodbye)
    }

    @Test("it watches, however many lines there are")
    func watching() throws {
        let server = try TestServer(try Certificates()) {
            $0.watcherBufferBytes = 4 << 20
            $0.workerLogBufferBytes = 4 << 20
        }
        let watcher = try server.tlsClient()
        #expect(try watcher.exchange("watch fetchers\r\n", "OK\r\n"))
        let client = try server.tlsClient()

        for _ in 0..<40 {
            try client.send(String(repeating: "get some-key-that-is-not-there\r\n", count: 50))
            _ = try client.receive(50 * 5)
        }

        for _ in 0..<2000 {
            let line = try watcher.line()
            #expect(line.contains("type=item_get key=some-key-that-is-not-there status=not_found"))
        }
        watcher.sayGoodbye()
        #expect(eventually { server.context.pointee.observation.pointee.watcherCount == 0 })
    }

    @Test("it watches until the server ends, and is told so")
    func watcherGoodbye() throws {
        let server = try TestServer(try Certificates())
        let watcher = try server.tlsClient()
        #expect(try watcher.exchange("watch\r\n", "OK\r\n"))

        server.stop()

        #expect(try watcher.receiveAll().isEmpty)
        #expect(watcher.hasGoodbye)
    }

    @Test("it goes on when there are too many watchers already")
    func tooManyWatchers() throws {
        let server = try TestServer(try Certificates())
        var watchers: [TLSClient] = []
        for _ in 0..<Limits.watchersMax {
            let watcher = try server.tlsClient()
            #expect(try watcher.exchange("watch\r\n", "OK\r\n"))
            watchers.append(watcher)
        }
        let client = try server.tlsClient()

        #expect(try client.exchange("watch\r\n", "WATCHER_TOO_MANY log watcher limit reached\r\n"))
        #expect(client.isServed())
    }

    @Test("failed handshakes are told those who watch connections")
    func toldErrors() throws {
        let server = try TestServer(try Certificates()) { $0.tls.minimumVersion = 3 }
        let watcher = try server.tlsClient()
        #expect(try watcher.exchange("watch connevents\r\n", "OK\r\n"))
        #expect(throws: TLSClient.Failure.self) { try server.tlsClient(.init(versions: 2...2)) }

        #expect(try watcher.line().contains("type=conn_new"))
        let line = try watcher.line()
        #expect(line.contains("type=conntlserr fd="))
        #expect(line.contains("msg=error:"))
    }

    @Test("it gets dumps of all keys")
    func dumps() throws {
        let server = try TestServer(try Certificates())
        let client = try server.tlsClient()
        let count = 5000
        for number in 0..<count { try client.send("ms key\(number) 1 q\r\nx\r\n") }
        #expect(client.isServed())

        try client.send("lru_crawler mgdump all\r\n")

        var keys: Set<String> = []
        while true {
            let line = try client.line()
            if line == "EN\r\n" || line.isEmpty { break }
            if line.hasPrefix("mg key") { keys.insert(line) }
        }
        #expect(keys.count == count)
    }

    @Test("it is closed when it has been silent for long")
    func idleTimeout() throws {
        let server = try TestServer(try Certificates(), clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.idleTimeoutSeconds = 3
        }
        let client = try server.tlsClient()
        #expect(client.isServed())

        server.context.pointee.clock.advance(seconds: 4)
        server.server.tick()

        #expect(try client.receiveAll().isEmpty)
        #expect(client.hasGoodbye)
        #expect(server.sum { $0.idleKicks.value } == 1)
    }

    @Test("a graceful stop waits for the rest of a packet of which a part has come")
    func stopsBehindPacket() throws {
        let server = try TestServer(try Certificates()) { $0.threadCount = 1 }
        // Looked at last when idle connections are closed.
        let idle = try server.tlsClient()
        let busy = try server.tlsClient()
        #expect(idle.isServed() && busy.isServed())
        try busy.socket.send([0x17, 3, 3, 0, 40] + [UInt8](repeating: 7, count: 20))
        #expect(eventually { server.context.pointee.budget.copiedBytes == Limits.packetBytesMax })

        server.context.pointee.gracefulStopSecondsMax = 120
        server.server.stop(.graceful)
        #expect(try idle.receiveAll().isEmpty)

        #expect(server.context.pointee.connectionSnapshots().contains { $0.state == "conn_read" })
    }

    @Test("its statistics are memcached's")
    func statistics() throws {
        let certificates = try Certificates()
        let server = try TestServer(certificates, clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.tls.verifyMode = 1
            $0.tls.keepsSessions = true
        }
        let client = try server.tlsClient()
        server.context.pointee.clock.advance(seconds: 7)

        let general = try client.statistics()
        let settings = try client.statistics("settings")
        let own = try client.statistics("martlet")

        #expect(general["ssl_handshake_errors"] == "0")
        #expect(general["ssl_proto_errors"] == "0")
        #expect(general["ssl_new_sessions"].flatMap(Int.init) ?? 0 > 0)
        #expect(general["time_since_server_cert_refresh"] == "7")
        let expected = [
            "ssl_enabled": "yes", "ssl_chain_cert": certificates.server.certificate,
            "ssl_key": certificates.server.key, "ssl_verify_mode": "1", "ssl_keyformat": "1",
            "ssl_ciphers": "NULL", "ssl_ca_cert": "NULL", "ssl_wbuf_size": "16384", "ssl_session_cache": "yes",
            "ssl_kernel_tls": "no", "ssl_min_version": "tlsv1.2",
        ]
        #expect(settings.filter { $0.key.hasPrefix("ssl_") } == expected)
        #expect(own["tls_handshakes"] == "1")
        #expect(own["tls_library"]?.hasPrefix("OpenSSL 3.") == true)
    }

    @Test("it may ask the kernel to encrypt, whether or not the kernel can")
    func kernel() throws {
        let server = try TestServer(try Certificates()) { $0.tls.usesKernel = true }
        let value = String(repeating: "x", count: 300_000)

        for version in [2, 3] {
            let client = try server.tlsClient(.init(versions: version...version))
            #expect(try client.exchange("set k 0 0 300000\r\n\(value)\r\n", "STORED\r\n"))
            #expect(try client.exchange("get k\r\n", "VALUE k 0 300000\r\n\(value)\r\nEND\r\n"))
        }
    }
}

#endif
