import ArgumentParser
import LoadEngine
import LoadWorkload

/// What to ask for.
struct WorkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A ready-made workload that the other options change: etc is Facebook's ETC pool.", valueName: "name"))
    var workload: String?

    @Option(
        name: [.long, .customLong("key-maximum")],
        help: ArgumentHelp("Number of keys: 10000, 1m; 10000 otherwise.", valueName: "count"),
        transform: { try Reading.count($0, "keys") })
    var keys: UInt64?

    @Option(help: "What every key begins with.")
    var keyPrefix: String?

    @Option(
        help: ArgumentHelp("Bytes of a key: 20, 10-40, etc.", valueName: "size"),
        transform: { try KeyLength(parsing: $0) })
    var keySize: KeyLength?

    @Option(
        help: ArgumentHelp(
            "uniform, zipf:0.99, hot:0.1,0.9 (keys, operations), sequential, latest:0.99; and behind it "
                + "+drift:KEYS/OPERATIONS, +scan:SHARE; uniform otherwise.", valueName: "shape"),
        transform: { try Popularity(parsing: $0) })
    var popularity: Popularity?

    @Option(
        name: [.long, .customLong("data-size")],
        help: ArgumentHelp(
            "Bytes of a value: 100, 10-1000, ln:120,0.9,4000, pareto:0,214.5,0.35,4000, dist:FILE,CAP, etc; 100 "
                + "otherwise.",
            valueName: "sizes"))
    var values: String?

    @Option(
        help: ArgumentHelp(
            "Lives of items in seconds: 0 (for ever), 60, 60-3600, mix:60=3,0=7; 0 otherwise.", valueName: "lives"),
        transform: { try Lives(parsing: $0) })
    var ttl: Lives?

    @Option(
        help: ArgumentHelp(
            "Operations by weight: get=90,set=10; also mget:20=5, add, delete, incr, touch, gat, cas, lease; gets only "
                + "otherwise.",
            valueName: "mix"),
        transform: { try Mix(parsing: $0) })
    var mix: Mix?

    @Option(help: ArgumentHelp("Stores and reads by weight, as memtier has them: 1:10.", valueName: "sets:gets"))
    var ratio: String?

    @Flag(help: "A get that misses is followed by a store, as with a cache in front of a database.")
    var cacheAside = false

    @Flag(help: "Store every key once before anything else.")
    var fill = false

    @Option(help: "The same number makes the same operations.")
    var seed: UInt64 = 1

    @Option(
        help:
            "Check replies: off, framing (each answers its request) or full (values are whole, the key's own and not stale).",
        transform: { try Reading.choice($0, "verify") })
    var verify = Verification.full

    @Flag(help: "Nothing may be evicted: a miss of what was stored and not deleted is an error.")
    var expectHits = false

    func validate() throws {
        if mix != nil, ratio != nil { throw ValidationError("--mix and --ratio say the same: choose.") }
        if let workload, workload != "etc" { throw ValidationError("workload '\(workload)' is none of etc.") }
    }

    /// `folder`: where files that are named relatively may lie as well.
    func made(folder: String?) throws -> Workload {
        var made = workload == "etc" ? Workload.etc : Workload()
        if let keys { made.keyCount = keys }
        if keyPrefix != nil || keySize != nil {
            made.keys = try KeySpace(prefix: keyPrefix ?? "", length: keySize ?? .fixed(20))
            if let keySize, made.keys.shortestBytes(below: made.keyCount) > keySize.bytesMin {
                throw ValidationError(
                    "keys of \(keySize.bytesMin) bytes are too short for the prefix and numbers below \(made.keyCount)."
                )
            }
        }
        if let popularity { made.popularity = popularity }
        if let values { made.sizes = try Sizes(parsing: values, folder: folder) }
        if let ttl { made.lives = ttl }
        if let mix { made.mix = mix }
        if let ratio { made.mix = try Self.mix(ratio: ratio) }
        made.storesOnMiss = cacheAside
        return made
    }

    private static func mix(ratio: String) throws -> Mix {
        let parts = ratio.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw ValidationError("ratio '\(ratio)' is not SETS:GETS, as in 1:10.") }
        return try Mix(parsing: "set=\(parts[0]),get=\(parts[1])", subject: "ratio")
    }

    func apply(to settings: inout LoadSettings) {
        settings.seed = seed
        settings.fills = fill
        settings.verification = verify
        settings.expectsHits = expectHits
    }
}
