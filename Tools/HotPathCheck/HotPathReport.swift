import Glibc

/// Runs the check and prints what it found.
enum HotPathReport {
    /// The exit status: 0 clean, 1 findings, 64 bad usage, 71 the check could not be made.
    static func run(_ arguments: [String]) -> Int32 {
        let paths = arguments.dropFirst().filter { $0 != "--verbose" }
        guard let program = paths.first, paths.count <= 2 else {
            print("usage: hot-path-check PROGRAM [RULES] [--verbose]")
            return 64
        }
        do {
            let rules = try Rules(path: paths.count > 1 ? paths[1] : besideThisFile)
            let symbols = SymbolTable(listing: try lines(of: "nm -S '\(program)'"))
            guard !symbols.functions.isEmpty else { throw Failure("\(program) has no symbols; is it stripped?") }
            let disassembly = try lines(of: "objdump -d --no-show-raw-insn '\(program)'")
            let graph = CallGraph(disassembly: disassembly, symbols: symbols)
            try proveTeeth(graph, symbols, rules)
            return try isPure(graph, symbols, rules, isVerbose: arguments.contains("--verbose")) ? 0 : 1
        } catch {
            print("hot-path-check: \(error)")
            return 71
        }
    }

    /// From functions that are known to allocate, the walk must find that, or it finds nothing.
    private static func proveTeeth(_ graph: CallGraph, _ symbols: SymbolTable, _ rules: Rules) throws {
        for pattern in rules.known {
            let walk = Walk(from: try symbols.matching([pattern]), graph, symbols, rules, entersCold: true)
            guard walk.findings.contains(where: { $0.isForbidden }) else {
                throw Failure("the check has no teeth: \(pattern) is known to allocate")
            }
        }
    }

    private static func isPure(
        _ graph: CallGraph, _ symbols: SymbolTable, _ rules: Rules, isVerbose: Bool
    ) throws -> Bool {
        guard !rules.roots.isEmpty else { throw Failure("no roots") }
        let roots = try symbols.matching(rules.roots)
        // A rule that matches nothing has been left behind by the code.
        _ = try symbols.matching(rules.cold + rules.pointer)
        let walk = Walk(from: roots, graph, symbols, rules)
        if isVerbose {
            for index in walk.reached { print("reached: \(symbols.functions[index].name)") }
        }
        for finding in walk.findings {
            print("found: \(finding.what)")
            for name in finding.path.reversed() { print("    from \(name)") }
        }
        print("hot path: \(walk.reached.count) functions from \(roots.count) roots, \(walk.findings.count) findings")
        return walk.findings.isEmpty
    }

    /// `hot-path.txt`, beside this file.
    private static var besideThisFile: String {
        let path = #filePath
        return (path.lastIndex(of: "/").map { String(path[...$0]) } ?? "") + "hot-path.txt"
    }

    /// The lines a command prints.
    private static func lines(of command: String) throws -> [String] {
        guard let pipe = popen(command, "r") else { throw Failure("cannot run \(command)") }
        var lines: [String] = []
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        while true {
            let count = getline(&line, &capacity, pipe)
            guard count > 0, let line else { break }
            lines.append(String(decoding: UnsafeRawBufferPointer(start: line, count: count - 1), as: UTF8.self))
        }
        free(line)
        guard pclose(pipe) == 0 else { throw Failure("this failed: \(command); is binutils installed?") }
        return lines
    }
}
