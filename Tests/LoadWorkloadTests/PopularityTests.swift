import LoadWorkload
import Testing

/// Draws with fixed seeds, compared to exact probabilities by chi-square.
@Suite("Popularity")
struct PopularityTests {
    @Test("Uniform keys come alike often")
    func uniform() throws {
        let counts = histogram(try keys(200_000, workload("uniform", keyCount: 1000)), below: 1000)

        #expect(surprise(counts, [Double](repeating: 200, count: 1000)) < 4)
    }

    @Test(
        "The k-th most popular key of a zipf distribution comes in proportion to k^-s",
        arguments: [0.2, 0.5, 0.9, 0.99, 1, 1.000000001, 1.2, 2, 3.5])
    func zipf(exponent: Double) throws {
        let count = 500
        let draws = 400_000
        var workload = try workload("uniform", keyCount: UInt64(count))
        workload.popularity = Popularity(.zipf(exponent: exponent))

        let drawn = try keys(draws, workload)

        // Each rank has a key of its own: sorted by how often they come, keys are ranks, as far as chance lets them.
        let weights = (1...count).map { Double.power(Double($0), -exponent) }
        let total = weights.reduce(0, +)
        let byKey = histogram(drawn, below: UInt64(count))
        let ranked = try ranks(exponent, count: count).map { byKey[$0] }
        #expect(surprise(ranked, weights.map { $0 / total * Double(draws) }) < 4)
    }

    /// The keys of the ranks, found out with a distribution so steep that rank 1 is nearly everything, moved on key by
    /// key.
    private func ranks(_ exponent: Double, count: Int) throws -> [Int] {
        try (0..<count).map { rank in
            var workload = try workload("uniform", keyCount: UInt64(count))
            // Before the second operation all ranks have moved on by `rank`; with the exponent 100 there is one rank.
            workload.popularity = Popularity(
                .zipf(exponent: 100), drift: .init(keys: UInt64(rank == 0 ? count : rank), period: .operations(1)))
            return Int(try keys(1, workload)[0])
        }
    }

    @Test("A zipf distribution over a thousand million keys stays among them and is spread over all of them")
    func bigZipf() throws {
        let keyCount: UInt64 = 1_000_000_000
        let drawn = try keys(200_000, workload("zipf:0.99", keyCount: keyCount))

        #expect(drawn.allSatisfy { $0 < keyCount })
        // The most popular key has 1 / sum of k^-0.99, about 1 / 24.1 of the draws (integral from 1/2).
        var counts: [UInt64: Int] = [:]
        for key in drawn { counts[key, default: 0] += 1 }
        let share = Double(counts.values.max() ?? 0) / 200_000
        #expect(share > 0.038 && share < 0.047)
        let upperHalf = counts.keys.filter { $0 >= keyCount / 2 }.count
        #expect(abs(Double(upperHalf) / Double(counts.count) - 0.5) < 0.02)
    }

    @Test("A hot set gets its share, evenly within and without")
    func hotSet() throws {
        let counts = histogram(try keys(200_000, workload("hot:0.1,0.9", keyCount: 100)), below: 100).sorted(by: >)

        let expected = [Double](repeating: 18_000, count: 10) + [Double](repeating: 222.2, count: 90)
        #expect(surprise(counts.map { $0 }, expected) < 4)
    }

    @Test("Where all keys are hot, or all operations are, nothing else is asked for")
    func hotEdges() throws {
        #expect(Set(try keys(2000, workload("hot:1,0.2", keyCount: 10))).count == 10)
        #expect(Set(try keys(2000, workload("hot:0.2,1", keyCount: 10))).count == 2)
        #expect(Set(try keys(200, workload("hot:0.5,0.5", keyCount: 1))) == [0])
    }

    @Test("A sequence goes round, and threads share it out")
    func sequential() throws {
        let workload = try workload("sequential", keyCount: 5)

        #expect(try keys(7, workload) == [0, 1, 2, 3, 4, 0, 1])
        #expect(try keys(4, workload, thread: 0, threadCount: 2) == [0, 2, 4, 1])
        #expect(try keys(4, workload, thread: 1, threadCount: 2) == [1, 3, 0, 2])
    }

    @Test("Stores make newer keys, and reads prefer the newest")
    func latest() throws {
        var workload = try workload("latest:2", keyCount: 1000)
        workload.mix = try Mix(parsing: "get=50,set=50")
        var source = try OperationSource(workload, seed: 3, thread: 0, threadCount: 1)
        var operation = Operation(kind: .get, key: 0)
        var newest: UInt64 = 0
        var ages: [UInt64] = []

        for _ in 0..<20_000 {
            _ = source.next(&operation)
            if operation.kind == .set {
                #expect(operation.key == (newest + 1) % 1000)
                newest = operation.key
            } else {
                ages.append((newest + 1000 - operation.key) % 1000)
            }
        }

        // 1 / zeta(2) of the reads ask for the newest key, a quarter as many for the one before.
        let share = Double(ages.filter { $0 == 0 }.count) / Double(ages.count)
        #expect(abs(share - 0.608) < 0.02)
        #expect(abs(Double(ages.filter { $0 == 1 }.count) / Double(ages.count) - 0.152) < 0.02)
    }

    @Test("Popularity drifts by the given number of keys after the given number of operations")
    func drift() throws {
        let still = try keys(3000, workload("zipf:1.5", keyCount: 1000))
        let moving = try keys(3000, workload("zipf:1.5+drift:500/1000", keyCount: 1000))

        // 500 of 1000 keys, twice, is once round.
        #expect(Array(moving[..<999]) == Array(still[..<999]))
        #expect(Array(moving[1999..<2999]) == Array(still[1999..<2999]))
        #expect(moving[1000] != still[1000])
        #expect(zip(moving[999..<1999], still[999..<1999]).filter { $0 == $1 }.isEmpty)
    }

    @Test("Popularity drifts with the time that it is told")
    func driftInTime() throws {
        var source = try OperationSource(
            try workload("zipf:100+drift:1/2s", keyCount: 1000), seed: 1, thread: 0, threadCount: 1)
        var operation = Operation(kind: .get, key: 0)
        var hottest: [UInt64] = []

        for seconds: UInt64 in [0, 1, 2, 3, 4] {
            source.advance(toNanoseconds: seconds * 1_000_000_000)
            _ = source.next(&operation)
            hottest.append(operation.key)
        }

        #expect(hottest[0] == hottest[1])
        #expect(hottest[2] == hottest[3])
        #expect(Set(hottest).count == 3)
    }

    @Test("A scan takes its share and walks over its keys in order")
    func scan() throws {
        let drawn = try keys(20_000, workload("uniform+scan:0.25,100", keyCount: 50))

        let scanned = drawn.filter { $0 >= 50 }
        #expect(abs(Double(scanned.count) / 20_000 - 0.25) < 0.015)
        #expect(scanned.enumerated().allSatisfy { $1 == 50 + UInt64($0 % 100) })
        #expect(try workload("uniform+scan:0.25,100", keyCount: 50).keyNumbersEnd == 150)
    }

    @Test("Ranks are shuffled over all keys, none twice", arguments: [1, 2, 3, 4, 5, 100, 127, 128, 129, 1000])
    func permutation(keyCount: UInt64) throws {
        // One rank only, moved on by one key after each operation: the shuffle itself, read out.
        let drawn = try keys(Int(keyCount), workload("zipf:100+drift:1/1", keyCount: keyCount))

        #expect(Set(drawn) == Set(0..<keyCount))
    }

    @Test("Key numbers begin where the workload says")
    func firstKey() throws {
        for form in ["uniform", "zipf:0.99", "hot:0.1,0.5", "sequential", "latest:1", "uniform+scan:0.5"] {
            var workload = try workload(form, keyCount: 10)
            workload.firstKey = 1000

            #expect(try keys(500, workload).allSatisfy { (1000..<1010).contains($0) })
        }
    }
}

extension Double {
    /// Whole and broken exponents, by multiplication and square roots: not what the workload itself computes with.
    static func power(_ base: Double, _ exponent: Double) -> Double {
        if exponent < 0 { return 1 / power(base, -exponent) }
        var result = 1.0
        var whole = exponent.rounded(.down)
        while whole > 0 {
            result *= base
            whole -= 1
        }
        var root = base
        var rest = exponent - exponent.rounded(.down)
        for _ in 0..<50 where rest > 0 {
            root = root.squareRoot()
            rest *= 2
            if rest >= 1 {
                result *= root
                rest -= 1
            }
        }
        return result
    }
}
