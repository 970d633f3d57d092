import LoadWorkload
import Testing

@Suite("Lives")
struct LivesTests {
    private func lives(_ form: String) throws -> [UInt32] {
        let lives = try Lives(parsing: form)
        return (0..<100_000).map { lives.seconds(of: $0) }
    }

    @Test("Nothing lives for ever unless told so, and a fixed life is fixed")
    func fixed() throws {
        #expect(try Set(lives("0")) == [0])
        #expect(try Set(lives("3600")) == [3600])
        #expect(try Set(lives("2h")) == [7200])
    }

    @Test("A range of lives is even, both ends included")
    func uniform() throws {
        let counts = histogram(try lives("60-159").map { UInt64($0 - 60) }, below: 100)

        #expect(surprise(counts, [Double](repeating: 1000, count: 100)) < 4)
    }

    @Test("A mix has its weights, of lives, ranges and for ever")
    func mixed() throws {
        let lives = try lives("mix:2=5,10-19=3,0=2")

        let counts = histogram(lives.map(UInt64.init), below: 20)
        var expected = [Double](repeating: 0, count: 20)
        expected[0] = 20_000
        expected[2] = 50_000
        for second in 10..<20 { expected[second] = 3000 }
        #expect(counts[1] == 0 && counts[3..<10].allSatisfy { $0 == 0 })
        #expect(surprise(counts, expected) < 4)
    }

    @Test("A life is a pure function of the key")
    func pure() throws {
        #expect(try lives("mix:2=5,10-19=3,0=2") == lives("mix:2=5,10-19=3,0=2"))
    }
}
