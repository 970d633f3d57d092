import Foundation

/// Servers with and without `--admin` do the same requests; each one's worker is asked for its processor time.
///
/// Requests a second swing by ten percent on a machine with others on it, from run to run and from minute to minute.
/// So:
///
/// 1. The measure is the processor time of the worker's thread for each request. A full worker's throughput is its
///    inverse, and what others do on the machine is only in it by what they leave in the caches.
/// 2. A server without the endpoint and one with it run at once, and get their requests in turns of a few milliseconds:
///    what lasts longer, both of them suffer.
/// 3. Two processes of the same program differ by a percent, by where their memory lies. So each pair is started many
///    times anew, and the interval is that of the ratios between the starts. One pair is of servers without the
///    endpoint: its ratio shows what the measurement is worth.
/// 4. The client, the workers and the admin threads share a processor, and none of them takes it from another one when
///    it wakes up (SCHED_BATCH). So the worker finds the requests of all connections at once, as a full one does.
/// 5. What the admin thread itself needs is told apart: it takes that from whatever processor it runs on.
/// 6. A worker with few turns a second looks into each of them, since nobody waits for it. That is no full one: a start
///    on a machine so loaded that there were so few is made again.
struct AdminCheck {
    struct Failure: Error, CustomStringConvertible { let description: String }

    let program: String
    let restarts: Int
    /// Of the server with the endpoint besides.
    let options: [String]

    private static let without = MeasuredServer.Kind(name: "without --admin")
    private static let kinds: [MeasuredServer.Kind] = [
        .init(name: "without it again"),
        .init(name: "--admin, not asked", hasEndpoint: true),
        .init(name: "--admin, a scrape a second", hasEndpoint: true, scrapePauseMicroseconds: 1_000_000),
        .init(name: "--admin, a scrape every 10 ms", hasEndpoint: true, scrapePauseMicroseconds: 10_000),
    ]
    /// Slices of each server, of each start.
    private static let rounds = 100
    /// The endpoint decides once a second how much is looked into.
    private static let warmMicroseconds = 2_300_000
    /// More than those of which all are looked into.
    private static let turnsPerSecondMin = 2500
    private static let repeatsMax = 10

    func run() throws {
        let processors = Processors()
        processors.takeOne()
        var pairs = [[(Double, Double)]](repeating: [], count: Self.kinds.count)
        var scrapes = [ScrapeCost](repeating: ScrapeCost(), count: Self.kinds.count)
        for start in 1...restarts {
            for (index, kind) in Self.kinds.enumerated() {
                let (server, other) = try measuredPair(kind, processors)
                pairs[index].append((server.nanosecondsPerRequest, other.nanosecondsPerRequest))
                scrapes[index].add(server.scrapeCost())
            }
            FileHandle.standardError.write(Data("\(start) of \(restarts)\n".utf8))
        }
        report(pairs, scrapes)
    }

    private func measuredPair(
        _ kind: MeasuredServer.Kind, _ processors: Processors
    ) throws -> (MeasuredServer, MeasuredServer) {
        for _ in 0..<Self.repeatsMax {
            let server = try MeasuredServer(program, kind, kind.hasEndpoint ? options : [], processors)
            let other = try MeasuredServer(program, Self.without, [], processors)
            let start = Clock.microseconds
            while Clock.microseconds - start < Self.warmMicroseconds {
                _ = try server.slice()
                _ = try other.slice()
            }
            for round in 0..<Self.rounds {
                if round % 2 == 0 { try server.measure() }
                try other.measure()
                if round % 2 == 1 { try server.measure() }
            }
            let microseconds = Clock.microseconds - start
            if server.turnCount * 1_000_000 / microseconds >= Self.turnsPerSecondMin { return (server, other) }
        }
        throw Failure(description: "the machine has too much to do: there is no full load to be had")
    }

    private func report(_ pairs: [[(Double, Double)]], _ scrapes: [ScrapeCost]) {
        print(
            "the worker's processor time beside that of one without --admin: \(restarts) starts, each \(Self.rounds) times"
                + " \(MeasuredServer.sliceRequests) gets; in brackets where the mean is, with 95 %")
        for (index, kind) in Self.kinds.enumerated() {
            let ratio = RatioEstimate(pairs[index])
            print("\(kind.name): \(ratio)" + (kind.hasEndpoint ? "; \(scrapes[index])" : ""))
        }
    }
}
