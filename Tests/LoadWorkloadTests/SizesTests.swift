import Foundation
import LoadWorkload
import Testing

@Suite("Sizes of values")
struct SizesTests {
    static let count = 200_000

    private func sizes(_ form: String) throws -> [Int] {
        let sizes = try Sizes(parsing: form)
        return (0..<UInt64(Self.count)).map { Int(sizes.bytes(of: $0)) }
    }

    private func mean(_ sizes: [Int]) -> Double { Double(sizes.reduce(0, +)) / Double(sizes.count) }

    private func quantile(_ sizes: [Int], _ part: Double) -> Int { sizes.sorted()[Int(part * Double(sizes.count))] }

    @Test("A size is a pure function of the key")
    func pure() throws {
        for form in ["10-1000", "ln:120,0.9,4000", "etc", "uniform:1,9"] {
            #expect(try sizes(form) == sizes(form))
        }
    }

    @Test("Fixed sizes are fixed, 0 included")
    func fixed() throws {
        #expect(try Set(sizes("0")) == [0])
        #expect(try Set(sizes("4k")) == [4096])
    }

    @Test("Uniform sizes are even, both ends included")
    func uniform() throws {
        let counts = histogram(try sizes("uniform:10,109").map { UInt64($0 - 10) }, below: 100)

        #expect(surprise(counts, [Double](repeating: 2000, count: 100)) < 4)
    }

    @Test("A-B has as many sizes in each decade, and each end its share")
    func logUniform() throws {
        let sizes = try sizes("10-999")

        #expect(abs(Double(sizes.filter { $0 < 100 }.count) / Double(Self.count) - 0.5) < 0.005)
        #expect(sizes.min() == 10)
        #expect(sizes.max() == 999)
        // ln(11/10) / ln(100)
        #expect(abs(Double(sizes.filter { $0 == 10 }.count) / Double(Self.count) - 0.020696) < 0.0015)
    }

    @Test("Log-normal sizes have the median, the spread and the mean of the formula, and the given end")
    func logNormal() throws {
        let sizes = try sizes("ln:120,0.9,1000000")

        #expect(abs(quantile(sizes, 0.5) - 120) <= 1)
        // median * exp(sigma * z), z of 84.13 % and 15.87 % is 1 and -1, of 99.865 % is 3.
        #expect(abs(Double(quantile(sizes, 0.841345)) / 295.15 - 1) < 0.02)
        #expect(abs(Double(quantile(sizes, 0.158655)) / 48.79 - 1) < 0.03)
        #expect(abs(Double(quantile(sizes, 0.99865)) / 1785.6 - 1) < 0.08)
        // median * exp(sigma^2 / 2)
        #expect(abs(mean(sizes) / 179.9 - 1) < 0.02)
        #expect(try self.sizes("ln:120,0.9,200").max() == 200)
    }

    @Test("Generalised Pareto sizes have the quantiles of the formula")
    func pareto() throws {
        let sizes = try sizes("pareto:0,214.476,0.348238,1000000")

        // location + scale * ((1 - p)^-shape - 1) / shape
        for part in [0.25, 0.5, 0.9, 0.99] {
            let expected = 214.476 * (pow(1 - part, -0.348238) - 1) / 0.348238
            #expect(abs(Double(quantile(sizes, part)) / expected - 1) < 0.03)
        }
        // Shape 0 is the exponential distribution: the median is scale * ln 2.
        #expect(abs(quantile(try self.sizes("pareto:0,100,0,1000000"), 0.5) - 69) <= 1)
    }

    @Test("Generalised extreme values have the quantiles of the formula")
    func extremeValue() throws {
        let sizes = try sizes("gev:30.8,8.2,0.08,1000000")

        for part in [0.1, 0.5, 0.9, 0.99] {
            let expected = 30.8 + 8.2 * (pow(-log(part), -0.08) - 1) / 0.08
            #expect(abs(Double(quantile(sizes, part)) - expected) < 0.6)
        }
        // Shape 0 is Gumbel's distribution: the median is location - scale * ln(ln 2).
        #expect(abs(quantile(try self.sizes("gev:100,10,0,1000"), 0.5) - 104) <= 1)
    }

    @Test("Sizes from a file have the file's weights, even within each step")
    func steps() throws {
        let folder = try TemporaryFolder()
        try folder.write("# from a cache\n9 1\n19 3\n20 0\n\n29 6\n", to: "a.sizes")

        let sizes = try sizes("dist:\(folder.path)/a.sizes,1000")

        // 1...9, 10...19, 20 with nothing, 21...29.
        let expected =
            [Double](repeating: 20_000 / 9, count: 9) + [Double](repeating: 6000, count: 10) + [0]
            + [Double](repeating: 120_000 / 9, count: 9)
        #expect(surprise(histogram(sizes.map { UInt64($0 - 1) }, below: 29), expected) < 4)
        #expect(try self.sizes("dist:\(folder.path)/a.sizes,15").max() == 15)
    }

    @Test("A file of sizes is looked for beside the trace as well")
    func folders() throws {
        let folder = try TemporaryFolder()
        try folder.write("10 1\n", to: "only-there.sizes")

        let sizes = try Sizes(parsing: "dist:only-there.sizes,100", folder: folder.path)

        #expect((1...10).contains(Int(sizes.bytes(of: 3))))
    }

    @Test("Facebook's pool has its small sizes and its tail")
    func facebook() throws {
        let sizes = try sizes("etc")

        let share = { (matches: (Int) -> Bool) in Double(sizes.filter(matches).count) / Double(Self.count) }
        #expect(abs(share { $0 == 2 } - 0.1782) < 0.005)
        #expect(abs(share { $0 == 11 } - 0.08989) < 0.004)
        #expect(abs(share { $0 < 15 } - 0.44155) < 0.006)
        // Beyond, the median is 15 + 214.476 * (2^0.348238 - 1) / 0.348238.
        #expect(abs(quantile(sizes.filter { $0 >= 15 }, 0.5) - 183) <= 4)
    }

    @Test("Sizes, lives and lengths of a key have nothing to do with one another")
    func independence() throws {
        let lives = try Lives(parsing: "1-1000")
        let sizes = try Sizes(parsing: "uniform:1,1000")

        var both = 0
        for key in 0..<UInt64(100_000) where lives.seconds(of: key) <= 500 && sizes.bytes(of: key) <= 500 { both += 1 }

        #expect(abs(Double(both) / 100_000 - 0.25) < 0.01)
    }
}
