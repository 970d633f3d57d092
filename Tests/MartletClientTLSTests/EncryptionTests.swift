#if TLS
import Foundation
import MartletClient
import MartletClientTLS
import MartletRing
import MartletServer
import NIOSSL
import ServerTesting
import Testing

/// Servers.md's code, compiled and not run: which certificates a system trusts is its own affair.
private func credentials(_ secret: String) throws -> CacheConfiguration {
    var configuration = CacheConfiguration()
    try configuration.useTLS()
    configuration.credentials = CacheCredentials(user: "app", password: secret)
    return configuration
}

/// The client over TLS, to a server behind an end of it in this process.
@Suite("TLS")
struct EncryptionTests {
    /// Runs `body` with a client of an encrypted server, called `host` and with the settings given.
    private static func run(
        host: String = "localhost", at address: String = "127.0.0.1", node: (UInt16) -> CacheServer? = { _ in nil },
        wantsCertificates: Bool = false, _ settings: TLSConfiguration, serverName: String? = nil,
        body: (CacheClient) async throws -> Void
    ) async throws {
        let server = try TestServer.onUnixSocket()
        defer { server.stop() }
        let way = try await EncryptedWay(to: server.path ?? "", at: address, wantsCertificates: wantsCertificates)
        var configuration = CacheConfiguration()
        configuration.operationTimeout = .seconds(60)
        configuration.connectTimeout = .seconds(60)
        try configuration.useTLS(settings, serverName: serverName)
        let cache = CacheClient(
            servers: [node(way.port) ?? CacheServer(host: host, port: way.port)], configuration: configuration)
        do {
            try await body(cache)
        } catch {
            await cache.shutDown()
            throw error
        }
        await cache.shutDown()
        await way.stop()
    }

    @Test("Values of all sizes come and go, by name and by address", arguments: ["localhost", "127.0.0.1"])
    func values(host: String) async throws {
        try await Self.run(host: host, try TestCertificates.clientSettings()) { cache in
            for count in [0, 1, 1000, 16_384, 300_000] {
                let value = String(repeating: "v", count: count)
                try await cache.setValue(value, for: "k\(count)")
                #expect(try await cache.value(for: "k\(count)") == value)
            }
            let many = Dictionary(uniqueKeysWithValues: (0..<500).map { (CacheKey("m\($0)"), "\($0)") })
            #expect(await cache.setValues(many).isEmpty)
            #expect(await cache.values(for: many.keys, as: String.self).hits == many)
        }
    }

    @Test("A server that nobody vouches for is refused with the reason")
    func untrusted() async throws {
        try await Self.run(.makeClientConfiguration()) { try await expectRefusal($0) }
    }

    /// A certificate is good for the name or for the address connected to: this one is for 127.0.0.1.
    @Test("A server with another name and address is refused with the reason", arguments: ["elsewhere.example", nil])
    func misnamed(name: String?) async throws {
        try await Self.run(
            host: "127.0.0.2", at: "127.0.0.2", try TestCertificates.clientSettings(), serverName: name
        ) { try await expectRefusal($0) }
        try await Self.run(
            host: "127.0.0.2", at: "127.0.0.2", try TestCertificates.clientSettings(), serverName: "localhost"
        ) { try await $0.setValue("v", for: "k") }
    }

    @Test("A server called by its host's name is that host, wherever the list of servers says it is")
    func namedElsewhere() async throws {
        let settings = try TestCertificates.clientSettings()
        func server(_ node: RingServer, _ port: UInt16) -> CacheServer {
            CacheServer(node: node, address: .tcp(host: "127.0.0.2", port: port))
        }
        try await Self.run(
            at: "127.0.0.2", node: { server(RingServer(host: "localhost", port: $0), $0) }, settings
        ) { try await $0.setValue("v", for: "k") }
        // A name of its own is no host's.
        try await Self.run(
            at: "127.0.0.2", node: { server(RingServer(name: "localhost"), $0) }, settings
        ) { try await expectRefusal($0) }
    }

    private func expectRefusal(_ cache: CacheClient) async throws {
        let error = await #expect(throws: CacheError.self) { try await cache.setValue("v", for: "k") }
        #expect(error?.code == .serverDown)
        let words = error?.description.lowercased() ?? ""
        #expect(words.contains("certificate"), "\(words)")
    }

    @Test("A server that wants certificates gets one, and refuses whoever has none")
    func clientCertificates() async throws {
        try await Self.run(
            wantsCertificates: true, try TestCertificates.clientSettings(showsCertificate: true)
        ) { cache in
            try await cache.setValue("v", for: "k")
            #expect(try await cache.value(for: "k") == "v")
        }
        try await Self.run(wantsCertificates: true, try TestCertificates.clientSettings()) { cache in
            await #expect(throws: CacheError.self) { try await cache.setValue("v", for: "k") }
        }
    }

    /// OpenSSL at one end and BoringSSL at the other, without anything between them.
    @Test("Martlet's own TLS, whether it wants a certificate or not", arguments: [false, true])
    func martlet(wantsCertificates: Bool) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var paths: [String] = []
        for text in [TestCertificates.server, TestCertificates.serverKey, TestCertificates.authority] {
            let file = folder.appending(path: "\(paths.count).pem")
            try (text + "\n").write(to: file, atomically: true, encoding: .utf8)
            paths.append(file.path())
        }
        let server = try TestServer {
            $0.tls.isEnabled = true
            ($0.tls.chainPath, $0.tls.keyPath, $0.tls.authoritiesPath) = (paths[0], paths[1], paths[2])
            $0.tls.verifyMode = wantsCertificates ? 2 : 0
        }
        defer { server.stop() }
        var configuration = CacheConfiguration()
        configuration.operationTimeout = .seconds(60)
        configuration.connectTimeout = .seconds(60)
        try configuration.useTLS(try TestCertificates.clientSettings(showsCertificate: wantsCertificates))
        let cache = CacheClient(
            servers: [CacheServer(host: "127.0.0.1", port: server.port)], configuration: configuration)

        for count in [0, 1000, 300_000] {
            let value = String(repeating: "v", count: count)
            try await cache.setValue(value, for: "k\(count)")
            #expect(try await cache.value(for: "k\(count)") == value)
        }
        let many = Dictionary(uniqueKeysWithValues: (0..<500).map { (CacheKey("m\($0)"), "\($0)") })
        #expect(await cache.setValues(many).isEmpty)
        #expect(await cache.values(for: many.keys, as: String.self).hits == many)
        await cache.shutDown()
    }

    @Test("A server without TLS counts as down, and the call ends with its deadline at the latest")
    func plainServer() async throws {
        let server = try TestServer.onUnixSocket()
        defer { server.stop() }
        var configuration = CacheConfiguration()
        configuration.operationTimeout = .seconds(60)
        try configuration.useTLS(try TestCertificates.clientSettings())
        let cache = CacheClient(servers: [CacheServer(unixSocket: server.path ?? "")], configuration: configuration)
        let error = await #expect(throws: CacheError.self) { try await cache.setValue("v", for: "k") }
        #expect(error?.code == .serverDown)
        await cache.shutDown()
    }
}
#endif
