/// Runs the check and prints what it found.
enum HotPathReport {
    static func run(_ arguments: [String]) -> Int32 {
        guard arguments.count == 2 else {
            print("usage: hot-path-check PROGRAM")
            return 64
        }
        do {
            let graph = try CallGraph(program: arguments[1])
            return try provesItself(graph) && isPure(graph) ? 0 : 1
        } catch {
            print("hot-path-check: \(error)")
            return 71
        }
    }

    /// From a function that allocates, the walk must find that.
    private static func provesItself(_ graph: CallGraph) throws -> Bool {
        let roots = try symbols(graph, naming: HotPath.known)
        let reached = graph.reach(from: roots, stoppingAt: { _ in false })
        let findings = reached.keys.filter(HotPath.isForbidden)
        if findings.isEmpty { print("The check has no teeth: \(HotPath.known) is known to allocate.") }
        return !findings.isEmpty
    }

    private static func isPure(_ graph: CallGraph) throws -> Bool {
        var roots: [String] = []
        for name in HotPath.roots { roots += try symbols(graph, naming: name) }
        let reached = graph.reach(from: roots, stoppingAt: isCold)
        let findings = reached.keys.filter(HotPath.isForbidden).sorted()
        for finding in findings { print("reached: \(path(to: finding, reached))") }

        let own = reached.keys.filter { graph.nodes[$0] != nil && !isCold($0) }
        let indirect = own.reduce(0) { $0 + (graph.nodes[$1]?.indirectCalls ?? 0) }
        print("hot path: \(own.count) functions, \(findings.count) findings, \(indirect) indirect calls not followed")
        return findings.isEmpty
    }

    private static func isCold(_ symbol: String) -> Bool { HotPath.cold.contains { symbol.contains($0.name) } }

    private static func symbols(_ graph: CallGraph, naming name: String) throws -> [String] {
        let found = graph.nodes.keys.filter { $0.contains(name) }
        guard !found.isEmpty else { throw CallGraph.Failure(message: "no function is named \(name)") }
        return found
    }

    /// From the root down, one caller a line.
    private static func path(to symbol: String, _ reachedBy: [String: String]) -> String {
        var names = [symbol]
        while let caller = reachedBy[names[names.count - 1]], !caller.isEmpty { names.append(caller) }
        return names.joined(separator: "\n    from ")
    }
}
