/// From the roots along all calls, nearest first, so that the path printed for a finding is a shortest one.
struct Walk {
    struct Finding {
        /// From a root to what was found.
        let path: [String]
        let what: String
        /// Forbidden by name, not merely out of sight.
        let isForbidden: Bool
    }

    private(set) var findings: [Finding] = []
    private(set) var reached: [Int]
    private var reachedBy: [Int: Int] = [:]
    private let symbols: SymbolTable

    init(
        from roots: [Int], _ graph: CallGraph, _ symbols: SymbolTable, _ rules: Rules, entersCold: Bool = false
    ) {
        self.symbols = symbols
        reached = roots
        var seen = Set(roots)
        var next = 0
        while next < reached.count {
            let caller = reached[next]
            next += 1
            for target in graph.calls[caller, default: []] {
                switch target {
                case .function(let index):
                    let name = symbols.functions[index].name
                    if rules.forbidden.contains(where: { $0.matches(name) }) {
                        report(name, in: caller, isForbidden: true)
                    } else if entersCold || !rules.cold.contains(where: { $0.matches(name) }) {
                        guard seen.insert(index).inserted else { continue }
                        reachedBy[index] = caller
                        reached.append(index)
                    }
                case .imported(let name):
                    guard rules.forbidden.contains(where: { $0.matches(name) }) else { continue }
                    report(name, in: caller, isForbidden: true)
                case .unknown(let address):
                    report("code without a name at \(String(address, radix: 16))", in: caller)
                case .pointer(let operand):
                    let name = symbols.functions[caller].name
                    guard !rules.pointer.contains(where: { $0.matches(name) }) else { continue }
                    report("a call through \(operand)", in: caller)
                }
            }
        }
    }

    private mutating func report(_ what: String, in caller: Int, isForbidden: Bool = false) {
        var path: [String] = []
        var place: Int? = caller
        while let index = place {
            path.append(symbols.functions[index].name)
            place = reachedBy[index]
        }
        findings.append(Finding(path: path.reversed(), what: what, isForbidden: isForbidden))
    }
}
