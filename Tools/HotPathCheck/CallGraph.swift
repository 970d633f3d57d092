/// Who calls whom, from `objdump -d`.
struct CallGraph {
    enum Target: Hashable {
        /// A function of the binary, by its place in the symbol table.
        case function(Int)
        /// A function of another library, by the name the linker gave it.
        case imported(String)
        /// A place inside the binary's code that belongs to no function we know.
        case unknown(UInt64)
        /// A call through a register or memory: wherever it leads, the walk cannot follow.
        case pointer(String)
    }

    private(set) var calls: [Int: [Target]] = [:]

    init(disassembly: [String], symbols: SymbolTable) {
        for line in disassembly {
            guard let instruction = Instruction(line), let caller = symbols.index(holding: instruction.address),
                let target = Self.target(of: instruction, in: symbols)
            else { continue }
            // Jumps inside a function are its own affair; a call of itself is nothing new.
            if target == .function(caller) { continue }
            if calls[caller, default: []].contains(target) { continue }
            calls[caller, default: []].append(target)
        }
    }

    private static func target(of instruction: Instruction, in symbols: SymbolTable) -> Target? {
        if instruction.isIndirect {
            // Through the table of imports: the comment names what is behind it.
            if let name = instruction.symbol { return .imported(demangled(name)) }
            // A jump through a register is a switch; a call is somebody's function pointer or witness.
            return instruction.isCall ? .pointer(instruction.operand) : nil
        }
        guard let address = instruction.targetAddress else { return nil }
        if let index = symbols.index(holding: address) { return .function(index) }
        if let name = instruction.symbol, name.contains("@") { return .imported(demangled(name)) }
        return .unknown(address)
    }
}

/// One call or jump as `objdump -d --no-show-raw-insn` prints it, for x86-64 and aarch64:
///
///     82f1:	call   8040 <$s15MartletProtocol...>
///     8300:	call   *0x2fe2(%rip)        # b2e8 <memmove@GLIBC_2.2.5>
///     9a04:	bl	8040 <$s15MartletProtocol...>
///     9a08:	tbz	w8, #0, 9a40 <...>
private struct Instruction {
    let address: UInt64
    let isCall: Bool
    let operand: String
    let targetAddress: UInt64?
    /// What stands in `<...>`, without an offset.
    let symbol: String?

    let isIndirect: Bool

    init?(_ line: String) {
        guard let colon = line.firstIndex(of: ":"),
            let address = UInt64(line[..<colon].drop { $0 == " " }, radix: 16)
        else { return nil }
        var words = line[line.index(after: colon)...].split(whereSeparator: { $0 == " " || $0 == "\t" })
        while let first = words.first, first == "notrack" || first == "bnd" { words.removeFirst() }
        guard words.count >= 2, words[0] == "b" || Self.transfers.contains(where: words[0].hasPrefix) else {
            return nil
        }
        self.address = address
        isCall = words[0].hasPrefix("call") || words[0] == "bl" || words[0] == "blr"
        isIndirect = words[1].hasPrefix("*") || words[0] == "blr" || words[0] == "br"
        operand = String(words[1])
        let open = line.lastIndex(of: "<")
        if let open, let close = line.lastIndex(of: ">"), open < close {
            symbol = String(line[line.index(after: open)..<close].prefix { $0 != "+" })
        } else {
            symbol = nil
        }
        // The address stands in front of the symbol, behind the registers that are tested.
        let places = open.map { line[..<$0].split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "," }) } ?? words
        targetAddress = places.last.flatMap { UInt64($0, radix: 16) }
    }

    /// call, jmp and conditional jumps; bl, b, b.eq, cbz, tbz.
    private static let transfers = ["call", "j", "bl", "b.", "br", "cbz", "cbnz", "tbz", "tbnz"]
}
