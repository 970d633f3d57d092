/// The functions of a binary, from `nm -S`: where each starts and how long it is.
///
/// Lengths matter: bytes between two functions that belong to neither must not be blamed on the one before.
struct SymbolTable {
    struct Function {
        let start: UInt64
        let end: UInt64
        /// As the compiler names it, demangled.
        let name: String
    }

    /// Sorted by start; of several names for one place, the first.
    let functions: [Function]

    init(listing: [String]) {
        var functions: [Function] = []
        for line in listing {
            // <start> <length> <kind> <name>
            let words = line.split(separator: " ")
            guard words.count == 4, words[2] == "t" || words[2] == "T" || words[2] == "W" || words[2] == "w",
                let start = UInt64(words[0], radix: 16), let length = UInt64(words[1], radix: 16), length > 0
            else { continue }
            functions.append(Function(start: start, end: start + length, name: demangled(String(words[3]))))
        }
        functions.sort { ($0.start, $0.end) < ($1.start, $1.end) }
        var unique: [Function] = []
        for function in functions where function.start != unique.last?.start { unique.append(function) }
        self.functions = unique
    }

    /// All functions that match, at least one for every pattern.
    func matching(_ patterns: [Rules.Pattern]) throws -> [Int] {
        try patterns.flatMap { pattern in
            let found = functions.indices.filter { pattern.matches(functions[$0].name) }
            guard !found.isEmpty else { throw Failure("no function matches \(pattern)") }
            return found
        }
    }

    /// Index of the function that holds an address, nil between functions.
    func index(holding address: UInt64) -> Int? {
        var low = 0
        var high = functions.count
        while low < high {
            let middle = (low + high) / 2
            if functions[middle].start <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0, address < functions[low - 1].end else { return nil }
        return low - 1
    }
}

@_silgen_name("swift_demangle")
private func swiftDemangle(
    _ name: UnsafePointer<CChar>?, _ count: Int, _ buffer: UnsafeMutablePointer<CChar>?,
    _ bufferCount: UnsafeMutablePointer<Int>?, _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?

/// A Swift name readable, any other name unchanged.
func demangled(_ name: String) -> String {
    guard let text = swiftDemangle(name, name.utf8.count, nil, nil, 0) else { return name }
    defer { text.deallocate() }
    return String(cString: text)
}
