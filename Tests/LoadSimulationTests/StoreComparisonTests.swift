import LoadSimulation
import LoadWorkload
import MartletStore
import Testing

/// The model against what it is a model of.
///
/// As long as both follow the same rules their figures are not only near each other but the same: the first request
/// where they part shows the rule that differs. The bounds are wider for what a later change of the store alone may
/// bring.
@Suite("Simulation: the store itself")
struct StoreComparisonTests {
    @Test("Misses and items on drawn requests are the store's", arguments: ["100", "10-2000", "ln:120,0.9,4000"])
    func drawn(values: String) throws {
        let workload = RequestScript.reads(keys: 100_000, count: 400_000, sizes: try Sizes(parsing: values))

        let replay = try StoreReplay(workload, .martlet, megabytes: 6)

        replay.expectAgreement()
        #expect(replay.pagesMoved > (values == "100" ? 0 : 20))
    }

    @Test("Those of large values as well")
    func large() throws {
        let workload = RequestScript.reads(keys: 4000, count: 60_000, sizes: .logUniform(2000, 60_000))

        let replay = try StoreReplay(workload, .martlet, megabytes: 24)

        replay.expectAgreement()
        #expect(replay.pagesMoved > 20)
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let trace: String
        let values: String
        let megabytes: Int
        let requests: UInt64

        var testDescription: String { "\(trace), \(values), -m \(megabytes)" }
    }

    static let cases = [
        Case(trace: "oltp", values: "100", megabytes: 4, requests: 250_000),
        Case(trace: "scarab-recs", values: "ln:120,0.9,4000", megabytes: 6, requests: 250_000),
        Case(trace: "orm-busy", values: "dist:meta-fbobj.sizes,8000", megabytes: 4, requests: 600_000),
        Case(trace: "cpio", values: "1-1", megabytes: 16, requests: .max),
        Case(trace: "cpio", values: "1-1", megabytes: 64, requests: .max),
    ]

    @Test(
        "Misses and items on traces are the store's", .enabled(if: SharedTraces.areThere), arguments: cases,
        [EvictionPolicy.martlet, .segmented])
    func traced(_ wanted: Case, policy: EvictionPolicy) throws {
        let workload = try SharedTraces.workload(wanted.trace, values: wanted.values, requests: wanted.requests)

        // Slowly enough that `segmented`, which goes by the second, tells old from new.
        try StoreReplay(workload, policy, megabytes: wanted.megabytes, requestsPerSecond: 2000).expectAgreement()
    }
}
