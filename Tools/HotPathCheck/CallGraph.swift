import Glibc

/// Who calls whom in a compiled program: direct calls and jumps between symbols, as `objdump` shows them.
///
/// Indirect calls have no edge. They are counted, so that the report can say how much was not seen.
struct CallGraph {
    struct Node {
        var callees: Set<String> = []
        var indirectCalls = 0
    }

    private(set) var nodes: [String: Node] = [:]

    struct Failure: Error { let message: String }

    /// Disassembles `program`, an ELF file for x86-64 or aarch64.
    init(program: String) throws {
        guard let pipe = popen("objdump -d --no-show-raw-insn '\(program)'", "r") else {
            throw Failure(message: "cannot run objdump")
        }
        var current = ""
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        while getline(&line, &capacity, pipe) > 0, let line {
            let text = String(cString: line)
            if let name = Self.functionName(text) {
                current = name
                nodes[current, default: Node()] = nodes[current] ?? Node()
            } else if !current.isEmpty {
                note(text, in: current)
            }
        }
        free(line)
        guard pclose(pipe) == 0, !nodes.isEmpty else { throw Failure(message: "objdump says nothing about \(program)") }
    }

    /// `0000000000012340 <name>:` starts a function.
    private static func functionName(_ line: String) -> String? {
        guard let first = line.utf8.first, first != 0x20, line.hasSuffix(">:\n"), let open = line.firstIndex(of: "<")
        else { return nil }
        return String(line[line.index(after: open)...].dropLast(3))
    }

    /// `   12345:  call   12340 <name>` is an edge. A jump within its own function is none.
    private mutating func note(_ line: String, in current: String) {
        let words = line.split(whereSeparator: \.isWhitespace)
        guard words.count >= 3, Self.transfers.contains(where: { words[1].hasPrefix($0) }) else { return }
        if let target = Self.target(line) {
            if target != current { nodes[current]?.callees.insert(target) }
        } else if words[1].hasPrefix("call") || words[1] == "blr" {
            nodes[current]?.indirectCalls += 1
        }
    }

    /// call, jmp and conditional jumps; bl, b, b.eq, cbz, tbz.
    private static let transfers = ["call", "j", "bl", "b.", "cbz", "cbnz", "tbz", "tbnz"]

    /// The symbol between angle brackets, without offset and linkage suffix.
    private static func target(_ line: String) -> String? {
        guard let open = line.lastIndex(of: "<"), let close = line.lastIndex(of: ">"), open < close else { return nil }
        let text = line[line.index(after: open)..<close]
        return String(text.prefix { $0 != "+" && $0 != "@" })
    }

    // MARK: Walking

    /// Everything reached from `roots` without entering what `stopsAt` names, each with the caller it was first reached by.
    func reach(from roots: [String], stoppingAt stopsAt: (String) -> Bool) -> [String: String] {
        var reachedBy: [String: String] = [:]
        var open = roots
        for root in roots { reachedBy[root] = "" }
        while let caller = open.popLast() {
            for callee in nodes[caller]?.callees ?? [] where reachedBy[callee] == nil {
                reachedBy[callee] = caller
                if !stopsAt(callee) { open.append(callee) }
            }
        }
        return reachedBy
    }
}
