import ArgumentParser
import Foundation
import LoadEngine
import LoadReport
import LoadSimulation
import LoadWorkload

/// `martlet-load simulate`: how large a cache must be, without a server.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Replays requests through models of caches: the miss ratio for each size and policy.",
        discussion: """
            Examples:
              martlet-load simulate web12.txt.zst -s 10-4000 -T 8 --sizes 8,16,32,64
              martlet-load simulate scarab.txt.zst -s ln:120,0.9,4000 --sizes 64 \\
                --policy martlet --policy memcached
              martlet-load simulate mine.csv.gz --sizes 512,1024 --json curve.json
              martlet-load simulate --keys 10m --popularity zipf:0.99 -s etc \\
                -n 50m --sizes 256,1024
              martlet-load simulate a.zst --sizes 64 --policy martlet \\
                --policy martlet:mover=needy,factor=1.04

            The same seed gives the same figures. Sizes are what -m means for the
            server in question.
            """
    )

    @OptionGroup(title: "Requests") var work: SimulatedWorkOptions

    @Option(
        help: ArgumentHelp("Memory in MB, one or many: 32,64,128.", valueName: "megabytes"),
        transform: { try Self.memories($0) })
    var sizes: [Int] = [64 << 20]

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "martlet, segmented, lru, fifo, lfu, ttl, random or memcached; behind a colon rules that differ from the "
                + "server's: martlet:mover=needy,factor=1.04. Repeat it to compare.",
            valueName: "policy"))
    var policy: [String] = []

    @Option(help: "Another seed, another hash of the keys.")
    var seed: UInt64 = 1

    @Flag(help: "Show the pages of each slab class at the end.")
    var classes = false

    @Option(help: ArgumentHelp("Write the results as JSON; - for standard output.", valueName: "file"))
    var json: String?

    private static func memories(_ text: String) throws -> [Int] {
        let option = OptionText("sizes", text)
        return try text.split(separator: ",", omittingEmptySubsequences: false).map {
            Int(try option.count($0, "the size", from: 1, to: 64 << 10)) << 20
        }
    }

    func run() throws {
        try ExitStatus.translating {
            var simulation = Simulation()
            let names = policy.isEmpty ? ["martlet"] : policy
            for name in names {
                let policy = try CachePolicy(parsing: name)
                for size in sizes { simulation.add(policy.cache(memoryBytes: size, label: name, seed: seed)) }
            }
            try work.replay(in: &simulation, seed: seed)
            let results = simulation.results()
            if let json { try write(results, path: json) }
            if json != "-" { try ResultFile.say(text(results)) }
        }
    }

    private func write(_ results: [SimulationResult], path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try ResultFile.write([UInt8](encoder.encode(results)) + [10], path: path)
    }

    // MARK: Text

    private func text(_ results: [SimulationResult]) -> String {
        var lines: [String] = []
        if let first = results.first {
            lines.append("\(first.counts.requests) requests, \(first.counts.reads) reads")
        }
        var table = TextTable([
            "policy", "-m", "misses", "bytes missed", "items", "evictions", "refused", "pages", "moved", "tables",
            "saved",
        ])
        for (index, result) in results.enumerated() { table.add(row(result, results[index % sizes.count])) }
        lines += table.lines(indentation: 0)
        if classes { for result in results { lines += classLines(result) } }
        return lines.joined(separator: "\n") + "\n"
    }

    /// - Parameter first: the first policy at the same size.
    private func row(_ result: SimulationResult, _ first: SimulationResult) -> [String] {
        let saved = first.counts.misses == 0 ? 0 : 1 - Double(result.counts.misses) / Double(first.counts.misses)
        return [
            result.policy, "\(result.memoryBytes >> 20)", percent(result.missRatio), percent(result.byteMissRatio),
            "\(result.items)", "\(result.counts.evictions)", "\(result.counts.refused)", "\(result.pages)",
            "\(result.counts.pageMoves)", "\(result.tableBytes >> 10)k", percent(saved),
        ]
    }

    private func classLines(_ result: SimulationResult) -> [String] {
        var table = TextTable(["class", "chunk", "pages", "items", "evictions"])
        for home in result.classes {
            table.add(["\(home.index)", "\(home.chunkBytes)", "\(home.pages)", "\(home.items)", "\(home.evictions)"])
        }
        return ["", "\(result.policy), -m \(result.memoryBytes >> 20)"] + table.lines()
    }

    private func percent(_ ratio: Double) -> String { String(format: "%.3f %%", ratio * 100) }
}

/// What is replayed: a trace, or operations drawn as `run` draws them; and what was in the cache before.
struct SimulatedWorkOptions: ParsableArguments {
    @Argument(help: "A trace, as run --trace reads it. Without one, operations are drawn.")
    var trace: String?

    @Option(
        name: [.customShort("T"), .long], help: "Play so many copies of the trace in turns, with keys of their own.")
    var copies = 1

    @Option(
        name: [.customShort("s"), .long],
        help: ArgumentHelp("Bytes of a value where the trace does not say, as run --values.", valueName: "sizes"))
    var values = "100"

    @Option(
        name: [.customShort("m"), .customLong("value-max")],
        help: ArgumentHelp("Cut larger values to this.", valueName: "bytes"),
        transform: { UInt32(try OptionText("value-max", $0).bytes($0[...], "the most", from: 1)) })
    var valueBytesMax = UInt32.max

    @Option(
        name: [.customShort("n"), .long], help: ArgumentHelp("At most so many requests.", valueName: "count"),
        transform: { try Reading.count($0, "requests") })
    var requests: UInt64?

    @Option(
        name: [.customShort("t"), .customLong("ttl")],
        help: ArgumentHelp("Lives of items in seconds, as run --ttl.", valueName: "lives"),
        transform: { try Lives(parsing: $0) })
    var lives = Lives.forever

    @Option(
        name: [.customShort("k"), .long], help: "Bytes of a key: 20, 10-40, etc.",
        transform: { try KeyLength(parsing: $0) })
    var keySize = KeyLength.fixed(20)

    @Option(
        name: [.customShort("r"), .long],
        help: "Requests a second, where the trace has no times: lives and page movers go by the clock.")
    var rate = RequestStream.requestsPerSecondUsual

    @Flag(help: "Do not store what a get misses.")
    var noStoreOnMiss = false

    @Option(
        help: ArgumentHelp("Number of keys, without a trace.", valueName: "count"),
        transform: { try Reading.count($0, "keys") })
    var keys: UInt64 = 1_000_000

    @Option(
        help: ArgumentHelp("Which keys, without a trace, as run --popularity.", valueName: "shape"),
        transform: { try Popularity(parsing: $0) })
    var popularity = Popularity.uniform

    @Option(help: "Operations by weight, without a trace, as run --mix.", transform: { try Mix(parsing: $0) })
    var mix = Mix.gets

    @Flag(help: "Without a trace: store each key once, and that is all.")
    var fill = false

    @Option(
        help: ArgumentHelp("A trace that fills the cache before, with keys of its own; not counted.", valueName: "file")
    )
    var before: String?

    @Option(help: ArgumentHelp("Bytes of its values.", valueName: "sizes"))
    var beforeValues = "100"

    @Option(help: "Copies of it.")
    var beforeCopies = 1

    @Option(
        help: ArgumentHelp("At most so many of its requests.", valueName: "count"),
        transform: { try Reading.count($0, "requests") })
    var beforeRequests: UInt64?

    func validate() throws {
        guard rate > 0, rate <= RateCurve.rateMax else {
            throw ValidationError("--rate \(rate): more than 0 and at most \(RateCurve.rateMax) are possible.")
        }
    }

    func replay(in simulation: inout Simulation, seed: UInt64) throws {
        var firstKey: UInt64 = 0
        var second: UInt32 = 2
        if let before {
            var workload = Workload()
            workload.sizes = try Sizes(parsing: beforeValues, folder: Self.folder(before))
            workload.operationCount = beforeRequests
            try add(before, copies: beforeCopies, to: &workload)
            var stream = try RequestStream(workload, requestsPerSecond: rate, seed: seed)
            try simulation.replay(&stream)
            simulation.resetCounts()
            firstKey = workload.keyCount
            second = stream.secondReached
        }
        var stream = try RequestStream(
            try workload(), firstKey: firstKey, valueBytesMax: valueBytesMax, requestsPerSecond: rate, second: second,
            seed: seed)
        try simulation.replay(&stream)
    }

    private func workload() throws -> Workload {
        var workload = Workload()
        workload.sizes = try Sizes(parsing: values, folder: trace.flatMap(Self.folder))
        workload.lives = lives
        workload.keys = try KeySpace(length: keySize)
        workload.operationCount = requests
        if let trace {
            try add(trace, copies: copies, to: &workload)
            return workload
        }
        workload.keyCount = keys
        workload.popularity = popularity
        workload.mix = mix
        workload.storesOnMiss = !noStoreOnMiss
        if fill { workload.origin = .fill } else if requests == nil { workload.operationCount = 10 * keys }
        return workload
    }

    private func add(_ trace: String, copies: Int, to workload: inout Workload) throws {
        var replay = TraceReplay(path: trace)
        replay.copies = copies
        replay.storesOnMiss = !noStoreOnMiss
        do {
            _ = try workload.replay(replay)
        } catch {
            // What is wrong with a file is not the command line's fault.
            throw LoadError.circumstances(error.message)
        }
    }

    private static func folder(_ path: String) -> String? {
        path.lastIndex(of: "/").map { String(path[..<$0]) }
    }
}
