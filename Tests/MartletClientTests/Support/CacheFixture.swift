import MartletClient
import MartletServer
import NIOCore
import NIOPosix
import ServerTesting

/// Servers on Unix sockets in this process, and a client for them. Stops everything at the end of `run`.
struct CacheFixture {
    let servers: [TestServer]
    let cache: CacheClient

    var addresses: [CacheServer] { servers.map { CacheServer(unixSocket: $0.path ?? "") } }

    /// Stores an item as it stands, by another client.
    func store(_ value: ByteBuffer, flags: UInt32 = 0, under key: String, server place: Int = 0) throws {
        let client = try TestClient(path: servers[place].path ?? "")
        try client.send("set \(key) \(flags) 0 \(value.readableBytes)\r\n")
        try client.send(value.readableBytesView)
        guard try client.exchange("\r\n", "STORED\r\n") else { throw CacheError(.refused, "set") }
    }

    /// The bytes and flags of an item as they stand, by another client; nil if there is none.
    func stored(under key: String, server place: Int = 0) throws -> (value: ByteBuffer, flags: UInt32)? {
        let client = try TestClient(path: servers[place].path ?? "")
        try client.send("get \(key)\r\n")
        var line: [UInt8] = []
        while line.last != 0x0A { line += try client.receive(1) }
        let words = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.first == "VALUE", words.count == 4, let flags = UInt32(words[2]), let count = Int(words[3]) else {
            return nil
        }
        return (ByteBuffer(bytes: try client.receive(count)), flags)
    }

    /// What is left of an item's life, as another client is told, -1 for ever; nil if there is none.
    func secondsToLive(under key: String, server place: Int = 0) throws -> Int? {
        let client = try TestClient(path: servers[place].path ?? "")
        try client.send("mg \(key) t\r\n")
        var line: [UInt8] = []
        while line.last != 0x0A { line += try client.receive(1) }
        let words = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        return words.first { $0.first == "t" }.flatMap { Int($0.dropFirst()) }
    }

    /// Runs `body` with `count` servers.
    static func run(
        servers count: Int = 1, _ change: (inout CacheConfiguration) -> Void = { _ in },
        body: (CacheFixture) async throws -> Void
    ) async throws {
        let servers = try (0..<count).map { _ in try TestServer.onUnixSocket() }
        defer { for server in servers { server.stop() } }
        let fixture = CacheFixture(servers: servers, cache: client(for: servers.map { $0.path ?? "" }, change))
        do {
            try await body(fixture)
        } catch {
            await fixture.cache.shutDown()
            throw error
        }
        await fixture.cache.shutDown()
    }

    /// Shorter limits first, where a call is to run into one: it has to get somewhere before that, for which a loaded
    /// machine may need the longer ones.
    static let limits: [Duration] = [.milliseconds(300), .seconds(3), .seconds(30)]

    /// A client whose calls may take a minute: on a loaded machine as well, a timeout means that something is wrong.
    static func client(
        for paths: [String], _ change: (inout CacheConfiguration) -> Void = { _ in }
    ) -> CacheClient {
        var configuration = CacheConfiguration()
        configuration.operationTimeout = .seconds(60)
        configuration.connectTimeout = .seconds(60)
        change(&configuration)
        return CacheClient(servers: paths.map { CacheServer(unixSocket: $0) }, configuration: configuration)
    }
}

extension LoadPolicy {
    /// The standard, where a load waits for the test: its lease does not end, and nobody loads instead, because the
    /// machine stood still for a while.
    static let patient: LoadPolicy = {
        var policy = LoadPolicy.standard
        policy.lease = .seconds(600)
        policy.leaseWaitMax = .seconds(60)
        return policy
    }()
}

/// Counts from many tasks at once.
actor Count {
    private(set) var value = 0

    @discardableResult
    func add(_ number: Int = 1) -> Int {
        value += number
        return value
    }
}

/// A door that opens once, for all who wait in front of it.
actor Door {
    private var isOpen = false
    private var waiters: [CheckedContinuation<Void, Never>] = []
    private(set) var arrivals = 0

    func pass() async {
        arrivals += 1
        guard !isOpen else { return }
        await withCheckedContinuation { waiters.append($0) }
    }

    func open() {
        isOpen = true
        for waiter in waiters { waiter.resume() }
        waiters = []
    }
}

/// Waits, for at most a minute, for what other tasks do and no event tells. Longer where it could not look often: on a
/// machine that stood still, or for a condition that takes its time.
func eventually(_ condition: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    var tries = 0
    while tries < 20 || ContinuousClock.now < end {
        if await condition() { return true }
        tries += 1
        try? await Task.sleep(for: .milliseconds(5))
    }
    return false
}
