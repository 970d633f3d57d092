/// The keys that a dump has: a mark of sixteen bytes for each, whatever its length, so that millions fit into memory.
/// The table has room to grow: it comes to some 40 bytes a key.
///
/// The sums are seeded anew by each process: nobody can choose keys that would be taken for others.
struct KnownKeys {
    private struct Mark: Hashable {
        let high: Int
        let low: Int
    }

    private var marks: Set<Mark> = []

    mutating func insert(_ key: [UInt8]) { marks.insert(Self.mark(key)) }

    func contains(_ key: [UInt8]) -> Bool { !marks.isEmpty && marks.contains(Self.mark(key)) }

    private static func mark(_ key: [UInt8]) -> Mark { Mark(high: sum(key, 0), low: sum(key, 1)) }

    private static func sum(_ key: [UInt8], _ salt: UInt8) -> Int {
        var hasher = Hasher()
        hasher.combine(salt)
        key.withUnsafeBytes { hasher.combine(bytes: $0) }
        return hasher.finalize()
    }
}
