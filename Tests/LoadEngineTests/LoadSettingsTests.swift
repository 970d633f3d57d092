import LoadEngine
import LoadWorkload
import Testing

@Suite("Settings")
struct LoadSettingsTests {
    @Test("that are usual make sense")
    func usual() throws {
        try LoadSettings(servers: [ServerAddress(parsing: "cache1")], workload: Workload()).check()
    }

    static let nonsense: [(what: String, @Sendable (inout LoadSettings) throws -> Void)] = [
        ("server", { $0.servers = [] }),
        ("threads", { $0.threadCount = 0 }),
        ("threads", { $0.threadCount = 65 }),
        ("connections", { $0.connectionCount = 0 }),
        ("depth", { $0.depth = 0 }),
        ("depth", { $0.depth = 1025 }),
        ("duration", { $0.seconds = 0 }),
        ("duration", { $0.seconds = .infinity }),
        ("duration", { $0.seconds = .nan }),
        ("request", { $0.requestCount = 0 }),
        ("timeout", { $0.timeoutSeconds = 0 }),
        ("timeout", { $0.timeoutSeconds = 1e9 }),
        ("connecting", { $0.connectSeconds = -1 }),
        ("warm-up", { $0.warmUpSeconds = -1 }),
        ("ntervals", { $0.intervalSeconds = 0 }),
        ("keys", { $0.workload.keyCount = VersionTable.keysMax + 1 }),
        (
            "Misses",
            {
                $0.expectsHits = true
                $0.verification = .framing
            }
        ),
        ("speed", { $0.pace = .timed(speed: 0) }),
        (
            "duration",
            {
                $0.pace = .arriving(.ramp(from: 1, to: 2), .constant)
                $0.seconds = nil
            }
        ),
    ]

    @Test("that make no sense are named", arguments: nonsense.indices)
    func named(index: Int) throws {
        var settings = LoadSettings(servers: [try ServerAddress(parsing: "cache1")], workload: Workload())
        try Self.nonsense[index].1(&settings)

        let error = #expect(throws: LoadError.self) { try settings.check() }

        #expect(error?.cause == .usage)
        #expect(error?.description.contains(Self.nonsense[index].what) == true, "\(error?.description ?? "")")
    }
}
