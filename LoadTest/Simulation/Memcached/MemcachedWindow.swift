/// What memcached's page mover remembers of the last seconds, and what it concludes from it.
struct MemcachedWindow: Sendable {
    /// A class as it is now.
    struct Observation: BitwiseCopyable {
        var age: UInt32
        var evictions: Int
        var refused: Int
        var pages: Int
        var hasMuchFree: Bool
    }

    private struct Second {
        var age = 0
        var isDirty = false
        var evictedShare = 0.0
        var hasEvicted = false
    }

    private let length: Int
    private var current = 0
    private var seconds: [[Second]]
    private var before: [Observation]

    init(classCount: Int, length: Int) {
        self.length = max(1, length)
        seconds = Array(repeating: Array(repeating: Second(), count: max(1, length)), count: classCount)
        before = Array(
            repeating: Observation(age: 0, evictions: 0, refused: 0, pages: 0, hasMuchFree: false), count: classCount)
    }

    /// Notes one second, given all classes from 1. A source without a target gives a page to the pool.
    mutating func choose(
        _ now: [Observation], ageRatio: Double, isFull: Bool
    ) -> (source: Int?, target: Int?) {
        current += 1
        defer { before = now }
        var evictedTotal = 0
        for (index, seen) in now.enumerated() { evictedTotal += seen.evictions - before[index].evictions }
        var oldest: Int?
        var oldestAge = 0
        var youngest: Int?
        var youngestAge = Int.max
        var youngestEvicts = false
        for (index, seen) in now.enumerated() {
            let second = note(index, seen, evictedTotal)
            let sum = seconds[index]
            let age = sum.reduce(0) { $0 + $1.age } / length
            if seen.hasMuchFree, isFull, !sum.contains(where: \.isDirty) { return (index + 1, nil) }
            if age > oldestAge, seen.pages > 2 { (oldest, oldestAge) = (index + 1, age) }
            let evicting = sum.count(where: \.hasEvicted)
            let share = sum.reduce(0) { $0 + $1.evictedShare } / Double(length)
            if age < youngestAge, evicting > length / 2 || share > 0.25 {
                (youngest, youngestAge, youngestEvicts) = (index + 1, age, second.hasEvicted)
            }
        }
        guard let youngest, let oldest, current > length, youngestEvicts,
            Double(youngestAge) < Double(oldestAge) * ageRatio, youngest != oldest
        else { return (nil, nil) }
        return (oldest, youngest)
    }

    private mutating func note(_ index: Int, _ seen: Observation, _ evictedTotal: Int) -> Second {
        let last = before[index]
        let evicted = seen.evictions - last.evictions
        var second = Second()
        second.age = Int(seen.age)
        second.hasEvicted = evicted > 0
        second.evictedShare = evicted > 0 ? Double(evicted) / Double(evictedTotal) : 0
        second.isDirty = evicted > 0 || seen.refused > last.refused || seen.pages > last.pages
        seconds[index][current % length] = second
        return second
    }
}
