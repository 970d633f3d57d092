/// Runs the workloads and prints what each costs.
enum AllocationReport {
    private static let warmUps = 20
    private static let rounds = 100

    static func run(_ arguments: [String]) -> Int32 {
        guard arguments.count == 3 else {
            print("usage: allocation-check SERVER COUNTER")
            return 64
        }
        do {
            let server = try ServerUnderCount(program: arguments[1], counter: arguments[2])
            var isFree = true
            for workload in Workload.all { isFree = try costsNothing(workload, server) && isFree }
            return try provesItself(server) && isFree ? 0 : 1
        } catch {
            print("allocation-check: \(error)")
            return 71
        }
    }

    private static func costsNothing(_ workload: Workload, _ server: ServerUnderCount) throws -> Bool {
        for _ in 0..<warmUps { try server.exchange(workload.request, ending: Workload.ending) }
        let before = server.counts.now
        for _ in 0..<rounds { try server.exchange(workload.request, ending: Workload.ending) }
        let cost = server.counts.now - before
        print("\(workload.name): \(workload.requestCount * rounds) requests, \(describe(cost))")
        return cost.retains + cost.releases == 0 && cost.allocations <= workload.allocationsMax * rounds
    }

    /// `stats` allocates and counts references; a counter that does not see it sees nothing.
    private static func provesItself(_ server: ServerUnderCount) throws -> Bool {
        let before = server.counts.now
        try server.exchange(Array("stats settings\r\n".utf8), ending: "END\r\n")
        let cost = server.counts.now - before
        print("stats settings, which allocates: \(describe(cost))")
        if cost.allocations == 0 || cost.retains + cost.releases == 0 { print("The counter sees nothing.") }
        return cost.allocations > 0 && cost.retains + cost.releases > 0
    }

    private static func describe(_ cost: AllocationCounts.Values) -> String {
        "\(cost.allocations) allocations, \(cost.frees) frees, \(cost.retains) retains, \(cost.releases) releases"
    }
}
