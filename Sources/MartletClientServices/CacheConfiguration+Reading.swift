import Configuration
import MartletClient
import MartletRing

extension CacheConfiguration {
    /// What a service's configuration says, and the usual value for the rest.
    ///
    /// | key | value |
    /// | --- | --- |
    /// | `distribution`, `key.hash` | as `martletctl ring` spells them: `ketama`, `md5` |
    /// | `operation.timeout.milliseconds`, `connect.timeout.milliseconds` | |
    /// | `connections.per.server`, `in.flight.max`, `waiting.calls.max`, `value.bytes.max`, `concurrent.loads.max` | |
    /// | `timeouts.until.down`, `probe.delay.milliseconds`, `probe.delay.max.milliseconds` | |
    /// | `uses.meta.protocol` | `true` or `false` |
    /// | `compression.bytes.min` | values of so many bytes and more are compressed |
    /// | `user`, `password` | read as secrets |
    ///
    /// - Throws: A `CacheError` for a word that means nothing, or a number that cannot be.
    public init(reading reader: ConfigReader) throws(CacheError) {
        self.init()
        if let word = reader.string(forKey: "distribution") {
            guard let distribution = KeyDistribution(rawValue: word) else { throw Self.wrong("distribution", word) }
            self.distribution = distribution
        }
        if let word = reader.string(forKey: "key.hash") {
            guard let hash = KeyHash(rawValue: word) else { throw Self.wrong("key.hash", word) }
            keyHash = hash
        }
        try Self.read(reader, "operation.timeout.milliseconds") { operationTimeout = .milliseconds($0) }
        try Self.read(reader, "connect.timeout.milliseconds") { connectTimeout = .milliseconds($0) }
        try Self.read(reader, "connections.per.server") { connectionsPerServer = $0 }
        try Self.read(reader, "in.flight.max") { inFlightMax = $0 }
        try Self.read(reader, "waiting.calls.max") { waitingCallsMax = $0 }
        try Self.read(reader, "value.bytes.max") { valueBytesMax = $0 }
        try Self.read(reader, "concurrent.loads.max") { concurrentLoadsMax = $0 }
        try Self.read(reader, "timeouts.until.down") { timeoutsUntilDown = $0 }
        try Self.read(reader, "probe.delay.milliseconds") { probeDelay = .milliseconds($0) }
        try Self.read(reader, "probe.delay.max.milliseconds") { probeDelayMax = .milliseconds($0) }
        try Self.read(reader, "compression.bytes.min") { compression = .lz4(bytesMin: $0) }
        if let uses = reader.bool(forKey: "uses.meta.protocol") { usesMetaProtocol = uses }
        if let user = reader.string(forKey: "user", isSecret: true),
            let password = reader.string(forKey: "password", isSecret: true)
        {
            credentials = CacheCredentials(user: user, password: password)
        }
    }

    private static func read(
        _ reader: ConfigReader, _ key: ConfigKey, _ set: (Int) -> Void
    ) throws(CacheError) {
        guard let number = reader.int(forKey: key) else { return }
        guard number > 0 else { throw wrong("\(key)", "\(number)") }
        set(number)
    }

    private static func wrong(_ key: String, _ word: String) -> CacheError {
        CacheError(.refused, "\(key): \"\(word)\" cannot be")
    }
}

extension CacheServer {
    /// The servers under the key `servers`, as `CacheServer.init(_:)` reads them.
    ///
    /// - Throws: A `CacheError` if there are none, or one is none.
    public static func list(reading reader: ConfigReader) throws(CacheError) -> [CacheServer] {
        var servers: [CacheServer] = []
        for text in reader.stringArray(forKey: "servers") ?? [] {
            guard let server = CacheServer(text) else {
                throw CacheError(.refused, "servers: \"\(text)\" is no server")
            }
            servers.append(server)
        }
        guard !servers.isEmpty else { throw CacheError(.refused, "servers: there are none") }
        return servers
    }
}
