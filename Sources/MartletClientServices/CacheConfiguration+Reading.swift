import Configuration
import MartletClient
import MartletRing

extension CacheConfiguration {
    /// What a service's configuration says, and the usual value for the rest.
    ///
    /// | key | value |
    /// | --- | --- |
    /// | `distribution`, `key.hash` | as `martletctl ring` spells them: `ketama`, `md5` |
    /// | `hash.tag` | two characters that are put around the part of a key that decides where it goes: `{}` |
    /// | `operation.timeout.milliseconds`, `connect.timeout.milliseconds` | |
    /// | `connections.per.server`, `in.flight.max`, `waiting.calls.max`, `waiting.bytes.max` | |
    /// | `value.bytes.max`, `small.value.bytes.max` | the first is 1 GiB at most, which more is taken for |
    /// | `concurrent.loads.max`, `waiting.loads.max`, `invalidations.max` | |
    /// | `timeouts.until.down`, `probe.delay.milliseconds`, `probe.delay.max.milliseconds` | |
    /// | `when.server.down` | `fail` or `miss` |
    /// | `uses.meta.protocol` | `true` or `false` |
    /// | `compression.bytes.min` | values of so many bytes and more are compressed |
    /// | `splitting.bytes.max` | values of more bytes go into several items |
    /// | `user`, `password` | read as secrets; both or neither |
    ///
    /// - Throws: A `CacheError` that names the key, for a word that means nothing there, or a number that cannot be.
    public init(reading reader: ConfigReader) throws(CacheError) {
        self.init()
        let settings = Settings(reader: reader)
        if let word = try settings.word("distribution", among: KeyDistribution.allCases.map(\.rawValue)) {
            distribution = KeyDistribution(rawValue: word) ?? distribution
        }
        if let word = try settings.word("key.hash", among: KeyHash.allCases.map(\.rawValue)) {
            keyHash = KeyHash(rawValue: word)
        }
        if let text = try settings.text("hash.tag") {
            guard let tag = HashTag(text) else { throw Settings.wrong("hash.tag", text, "it takes two characters") }
            hashTag = tag
        }
        try settings.read("operation.timeout.milliseconds") { operationTimeout = .milliseconds($0) }
        try settings.read("connect.timeout.milliseconds") { connectTimeout = .milliseconds($0) }
        try settings.read("connections.per.server") { connectionsPerServer = $0 }
        try settings.read("in.flight.max") { inFlightMax = $0 }
        try settings.read("waiting.calls.max") { waitingCallsMax = $0 }
        try settings.read("waiting.bytes.max") { waitingBytesMax = $0 }
        try settings.read("value.bytes.max") { valueBytesMax = $0 }
        try settings.read("small.value.bytes.max") { smallValueBytesMax = $0 }
        try settings.read("concurrent.loads.max") { concurrentLoadsMax = $0 }
        try settings.read("waiting.loads.max") { waitingLoadsMax = $0 }
        try settings.read("invalidations.max") { invalidationsMax = $0 }
        try settings.read("timeouts.until.down") { timeoutsUntilDown = $0 }
        try settings.read("probe.delay.milliseconds") { probeDelay = .milliseconds($0) }
        try settings.read("probe.delay.max.milliseconds") { probeDelayMax = .milliseconds($0) }
        try settings.read("compression.bytes.min") { compression = .lz4(bytesMin: $0) }
        try settings.read("splitting.bytes.max") { splitting = ValueSplitting(bytesMax: $0) }
        if let word = try settings.word("when.server.down", among: ["fail", "miss"]) {
            whenServerDown = word == "miss" ? .miss : .fail
        }
        if let uses = try settings.truth("uses.meta.protocol") { usesMetaProtocol = uses }
        credentials = try settings.credentials()
    }
}

extension CacheServer {
    /// The servers under the key `servers`, as `CacheServer.init(_:)` reads them.
    ///
    /// - Throws: A `CacheError` if there are none, or one is none, or two have one name.
    public static func list(reading reader: ConfigReader) throws(CacheError) -> [CacheServer] {
        var servers: [CacheServer] = []
        guard let texts = try Settings(reader: reader).texts("servers") else {
            throw CacheError(.refused, "servers: there are none")
        }
        for text in texts {
            guard let server = CacheServer(text) else {
                throw CacheError(.refused, "servers: \"\(text)\" is no server")
            }
            guard !servers.contains(where: { $0.name == server.name }) else {
                throw CacheError(.refused, "servers: \(server.name) is there twice")
            }
            servers.append(server)
        }
        guard !servers.isEmpty else { throw CacheError(.refused, "servers: there are none") }
        if let flaw = Topology(epoch: 0, servers: servers).flaw {
            throw CacheError(.refused, "servers: the list \(flaw)")
        }
        return servers
    }
}

/// A service's configuration, of which nothing that is there is passed over because it is of another kind than wanted.
private struct Settings {
    let reader: ConfigReader

    func text(_ key: ConfigKey) throws(CacheError) -> String? {
        try present(reader.string(forKey: key), key, "a text")
    }

    func texts(_ key: ConfigKey) throws(CacheError) -> [String]? {
        try present(reader.stringArray(forKey: key), key, "a list of texts")
    }

    func truth(_ key: ConfigKey) throws(CacheError) -> Bool? {
        try present(reader.bool(forKey: key), key, "true or false")
    }

    func word(_ key: ConfigKey, among words: [String]) throws(CacheError) -> String? {
        guard let word = try text(key) else { return nil }
        guard words.contains(word) else { throw Self.wrong(key, word, "it is one of \(words.joined(separator: ", "))") }
        return word
    }

    /// Calls `set` with a number that is there.
    func read(_ key: ConfigKey, _ set: (Int) -> Void) throws(CacheError) {
        let wish = "a whole number above 0"
        guard let number = try present(reader.int(forKey: key), key, wish) else { return }
        guard number > 0 else { throw Self.wrong(key, "\(number)", "it takes \(wish)") }
        set(number)
    }

    func credentials() throws(CacheError) -> CacheCredentials? {
        let user = reader.string(forKey: "user", isSecret: true)
        let password = reader.string(forKey: "password", isSecret: true)
        if user == nil, password == nil { return nil }
        guard let user, let password else {
            throw CacheError(.refused, "\(user == nil ? "user" : "password"): there is only the other one")
        }
        // They are secrets: neither is repeated.
        for (key, word) in [("user", user), ("password", password)] {
            guard !word.isEmpty, word.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
                throw CacheError(.refused, "\(key): empty, or with a space or control character")
            }
        }
        return CacheCredentials(user: user, password: password)
    }

    /// The value, or nil if there is none of any kind.
    private func present<Value>(
        _ value: Value?, _ key: ConfigKey, _ wish: String
    ) throws(CacheError) -> Value? {
        if let value { return value }
        let others: [Any?] = [
            reader.string(forKey: key), reader.int(forKey: key), reader.double(forKey: key), reader.bool(forKey: key),
            reader.stringArray(forKey: key), reader.intArray(forKey: key), reader.doubleArray(forKey: key),
            reader.boolArray(forKey: key), reader.bytes(forKey: key),
        ]
        guard let other = others.compactMap({ $0 }).first else { return nil }
        throw Self.wrong(key, "\(other)", "it takes \(wish)")
    }

    static func wrong(_ key: ConfigKey, _ word: String, _ wish: String) -> CacheError {
        CacheError(.refused, "\(key): \"\(word)\" cannot be, \(wish)")
    }
}
