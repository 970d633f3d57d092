import MartletServer
import MartletStore
import Testing

/// Options by the environment, and defaults by the container.
struct SurroundingsTests {
    private func settings(
        _ words: [String] = [], _ variables: [String: String] = [:], limit: Int? = nil
    ) throws -> ServerSettings? {
        let surroundings = Surroundings(variables: variables, memoryLimitBytes: limit)
        guard case .run(let settings, _) = try CommandLineParser.parse(words, in: surroundings) else { return nil }
        return settings
    }

    @Test func `variables stand for options, sub-options and switches`() throws {
        let settings = try #require(
            try settings(
                [],
                [
                    "MARTLETD_MEMORY_LIMIT": "128", "MARTLETD_LISTEN": "10.0.0.1,10.0.0.2",
                    "MARTLETD_IDLE_TIMEOUT": "60",
                    "MARTLETD_DISABLE_FLUSH_ALL": "true", "MARTLETD_DISABLE_CAS": "no", "MARTLETD_VERBOSE": "2",
                    "MARTLETD_THREADS": "", "MARTLET_PORT": "tcp://10.0.0.1:11211", "PATH": "/bin",
                ]))

        #expect(settings.memoryBytes == 128 << 20)
        #expect(settings.listenAddresses == ["10.0.0.1", "10.0.0.2"])
        #expect(settings.idleTimeoutSeconds == 60)
        #expect(!settings.allowsFlush && settings.issuesTokens)
        #expect(settings.verbosity == 2)
        #expect(settings.threadCount == 4)
    }

    @Test func `the command line goes first`() throws {
        let settings = try #require(
            try settings(["-m", "32", "-l", "::1"], ["MARTLETD_MEMORY_LIMIT": "128", "MARTLETD_LISTEN": "10.0.0.1"]))

        #expect(settings.memoryBytes == 32 << 20)
        #expect(settings.listenAddresses == ["::1"])
    }

    @Test(
        arguments: [
            ("no_maxconns_fast", "MAXCONNS_FAST"), ("maxconns_fast", "NO_MAXCONNS_FAST"),
            ("lru_crawler", "NO_LRU_CRAWLER"), ("slab_reassign", "NO_SLAB_REASSIGN"), ("no_modern", "LRU_CRAWLER"),
        ])
    func `it also does where a variable says the opposite under another name`(_ word: String, _ name: String) throws {
        let alone = try #require(try settings(["-o", word]))
        let both = try #require(try settings(["-o", word], ["MARTLETD_\(name)": "1"]))

        #expect(both.rejectsOverLimit == alone.rejectsOverLimit)
        #expect(both.lruCrawler == alone.lruCrawler)
        #expect(both.slabReassign == alone.slabReassign)
    }

    @Test func `a policy that the command line names evicts whatever a variable says`() throws {
        #expect(try settings(["--eviction", "lru"], ["MARTLETD_DISABLE_EVICTIONS": "1"])?.eviction == .lru)
        #expect(try settings(["-M"], ["MARTLETD_EVICTION": "lru"])?.eviction == EvictionPolicy.none)
        #expect(try settings(["-v"], ["MARTLETD_VERBOSE": "2"])?.verbosity == 1)
    }

    @Test func `a switch that is on is off with no`() throws {
        let settings = try #require(
            try settings(
                [], ["MARTLETD_MAXCONNS_FAST": "no", "MARTLETD_LRU_CRAWLER": "0", "MARTLETD_SLAB_REASSIGN": "off"]))

        #expect(!settings.rejectsOverLimit && !settings.lruCrawler && !settings.slabReassign)
        #expect(try self.settings([], ["MARTLETD_MAXCONNS_FAST": ""])?.rejectsOverLimit == true)
        #expect(try self.settings([], ["MARTLETD_NO_DROP_PRIVILEGES": "no"]) != nil)
    }

    @Test func `of a list in a variable counts what neither the command line nor another variable says`() throws {
        let list = ["MARTLETD_EXTENDED": "idle_timeout=7,hot_lru_pct=10"]

        #expect(try settings(["-o", "maxconns_fast"], list)?.idleTimeoutSeconds == 7)
        #expect(try settings(["-o", "idle_timeout=3"], list)?.idleTimeoutSeconds == 3)
        #expect(try settings(["-o", "idle_timeout=3"], list)?.hotPercent == 10)
        let both = list.merging(["MARTLETD_IDLE_TIMEOUT": "5", "MARTLETD_DISABLE_CAS": "1"]) { $1 }
        #expect(try settings([], both)?.idleTimeoutSeconds == 5)
    }

    @Test func `a mistake of the command line, or a text it asks for, comes before one of a variable`() throws {
        let variables = ["MARTLETD_NOTHING": "1"]

        guard case .print = try CommandLineParser.parse(["-h"], in: Surroundings(variables: variables)) else {
            Issue.record("no help")
            return
        }
        let error = #expect(throws: StartError.self) { try settings(["-t", "0"], variables) }
        #expect(error?.message.contains("-t") == true)
    }

    @Test(arguments: ["MARTLETD_NOTHING", "MARTLETD_HELP", "MARTLETD_THREADS", "MARTLETD_DISABLE_CAS"])
    func `a variable that stands for nothing, or has no value for it, ends the start`(_ name: String) {
        #expect(throws: StartError.self) { try settings([], [name: "many"]) }
    }

    @Test func `variables of a Kubernetes Service of the name martletd are no options`() throws {
        let variables = [
            "MARTLETD_SERVICE_HOST": "10.0.0.1", "MARTLETD_SERVICE_PORT": "11211",
            "MARTLETD_SERVICE_PORT_MEMCACHED": "11211", "MARTLETD_PORT": "tcp://10.0.0.1:11211",
            "MARTLETD_PORT_11211_TCP": "tcp://10.0.0.1:11211", "MARTLETD_PORT_11211_TCP_PROTO": "tcp",
            "MARTLETD_PORT_11211_TCP_PORT": "11211", "MARTLETD_PORT_11211_TCP_ADDR": "10.0.0.1",
        ]

        #expect(try settings([], variables)?.tcpPort == settings()?.tcpPort)
        #expect(try settings([], ["MARTLETD_PORT": "11212"])?.tcpPort == 11212)
    }

    @Test func `nor are those of one whose name begins with martletd`() throws {
        let variables = [
            "MARTLETD_METRICS_SERVICE_HOST": "10.0.0.1", "MARTLETD_METRICS_SERVICE_PORT": "9150",
            "MARTLETD_METRICS_SERVICE_PORT_HTTP": "9150", "MARTLETD_METRICS_PORT": "tcp://10.0.0.1:9150",
            "MARTLETD_METRICS_PORT_9150_TCP": "tcp://10.0.0.1:9150", "MARTLETD_METRICS_PORT_9150_TCP_PROTO": "tcp",
            "MARTLETD_METRICS_PORT_9150_UDP_PORT": "9150", "MARTLETD_METRICS_PORT_9150_TCP_ADDR": "10.0.0.1",
            "MARTLETD_UDP_PORT": "udp://10.0.0.1:53",
        ]

        #expect(try settings([], variables)?.tcpPort == settings()?.tcpPort)
        #expect(throws: StartError.self) { try settings([], ["MARTLETD_METRICS_PORT": "9150"]) }
    }

    @Test(
        arguments: [
            ("MARTLETD_PORT", "many"), ("MARTLETD_PORT_1_SCTPS", "1"), ("MARTLETD_PORT_X_TCP", "1"),
            ("MARTLETD_PORT_1_TCP_NAME", "1"), ("MARTLETD_SERVICE", "1"), ("MARTLETD_SERVICE_HOSTS", "1"),
        ])
    func `others of nearly that name end the start`(_ name: String, _ value: String) {
        #expect(throws: StartError.self) { try settings([], [name: value]) }
    }

    @Test func `a container listens everywhere and takes what its limit leaves`() throws {
        #expect(try settings(["--container"])?.listenAddresses == ["*"])
        #expect(try settings(["--container", "-l", "10.0.0.1"])?.listenAddresses == ["10.0.0.1"])
        #expect(try settings(["--container", "-s", "/run/m.sock"])?.listenAddresses == [])
        #expect(try settings(["--container"])?.memoryBytes == 64 << 20)
        #expect(try settings(["--container"], limit: 1 << 30)?.memoryBytes == 819 << 20)
        #expect(try settings(["--container"], limit: 128 << 20)?.memoryBytes == 64 << 20)
        #expect(try settings(["--container"], limit: 32 << 20)?.memoryBytes == 16 << 20)
        #expect(try settings(["--container", "-m", "100"], limit: 1 << 30)?.memoryBytes == 100 << 20)
        #expect(try settings([], limit: 1 << 30)?.memoryBytes == 64 << 20)
    }

    @Test(arguments: ["9150", "127.0.0.1:9150", "[::1]:9150", "localhost:9150"])
    func `an admin endpoint on the loopback needs no remark`(_ address: String) throws {
        #expect(try settings(["--admin", address])?.adminRemark == nil)
    }

    @Test(arguments: ["*:9150", "0.0.0.0:9150", "[::]:9150", "10.0.0.1:9150", "cache.example:9150"])
    func `one that others reach is remarked upon unless it has a token`(_ address: String) throws {
        #expect(try settings(["--admin", address])?.adminRemark?.contains("--admin-token-file") == true)
        #expect(try settings(["--admin", address, "--admin-token-file", "/token"])?.adminRemark == nil)
    }

    @Test func `what is said of an endpoint that is not there is remarked upon`() throws {
        for words in [["--top-keys"], ["--slow-request", "20"], ["--admin-token-file", "/token"]] {
            #expect(try settings(words)?.adminRemark?.contains("without --admin") == true)
        }
        #expect(try settings([])?.adminRemark == nil)
    }

    @Test func `of a container's limit the sessions of TLS are left for connections`() throws {
        let words = ["--container", "-Z", "-o", "ssl_chain_cert=/chain,ssl_key=/key", "-c", "4096"]

        // 32 MB of buffers, 16 of program, 4,096 times 14 KiB.
        #expect(try settings(words, limit: 384 << 20)?.memoryBytes == (384 - 32 - 16 - 56) << 20)
        #expect(try settings(words, limit: 4 << 30)?.memoryBytes == 3276 << 20)
    }

    @Test func `more memory than the container has is remarked upon`() throws {
        let settings = try #require(try settings(["-m", "1000"]))

        #expect(settings.memoryRemark(limitBytes: 1 << 30)?.contains("1024 MB") == true)
        #expect(settings.memoryRemark(limitBytes: 2 << 30) == nil)
        #expect(settings.memoryRemark(limitBytes: nil) == nil)
    }
}
