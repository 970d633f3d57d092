import Glibc

/// Counts, compares and prints.
enum InstructionReport {
    private static let tolerancePercent = 3.0

    static func run(_ words: [String]) -> Int32 {
        guard words.count == 2 || words.count == 3 && words[2] == "--record" else {
            print("usage: instruction-check MICROBENCH BASELINE [--record]")
            return 64
        }
        do {
            let counter = InstructionCounter(program: words[0])
            let counts = try counter.kinds().map { ($0, try counter.instructionsPerRequest($0)) }
            if words.count == 3 { return try record(counts, at: words[1]) }
            return compare(counts, try Baseline(path: words[1]))
        } catch {
            print("instruction-check: \(error)")
            return 71
        }
    }

    private static func record(_ counts: [(String, Int)], at path: String) throws -> Int32 {
        for (kind, count) in counts { print("\(kind): \(count)") }
        try Baseline(counts).write(to: path)
        return 0
    }

    private static func compare(_ counts: [(String, Int)], _ baseline: Baseline) -> Int32 {
        print("instructions per request without its socket; recorded; difference")
        var isWithin = true
        for (kind, count) in counts {
            guard let recorded = baseline[kind] else {
                print("  \(kind): \(count), not recorded")
                isWithin = false
                continue
            }
            let percent = Double(count - recorded) / Double(recorded) * 100
            let isAway = abs(percent) > tolerancePercent
            let words = !isAway ? "" : percent > 0 ? "  too many" : "  fewer than recorded: record them"
            print("  \(kind): \(count); \(recorded); \(Double(Int((percent * 10).rounded())) / 10) %\(words)")
            if isAway { isWithin = false }
        }
        for kind in baseline.kinds where !counts.contains(where: { $0.0 == kind }) {
            print("  \(kind): recorded, but there is no such kind")
            isWithin = false
        }
        return isWithin ? 0 : 1
    }
}
