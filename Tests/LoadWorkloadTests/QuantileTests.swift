import LoadWorkload
import Testing

@Suite("Quantiles")
struct QuantileTests {
    @Test(
        "The normal distribution's are those of the tables, in the middle and far out",
        arguments: [
            (0.5, 0), (0.6, 0.2533471), (0.841344746, 1), (0.9, 1.2815516), (0.925, 1.4395315), (0.975, 1.9599640),
            (0.999, 3.0902323), (0.99999, 4.2648908),
        ])
    func normal(unit: Double, distance: Double) {
        #expect(abs(Quantile.normal(unit) - distance) < 2e-6)
        #expect(abs(Quantile.normal(1 - unit) + distance) < 2e-6)
    }

    @Test("The ends of the range stay finite, and nothing falls where it should rise")
    func ends() {
        #expect(Quantile.normal(0) < -8 && Quantile.normal(0) > -9)
        #expect(abs(Quantile.normal(1e-12) + 7.034484) < 1e-5)
        #expect(Quantile.normal(1 - 0x1p-53) > 8)
        let steps = (0...100_000).map { Quantile.normal(Double($0) / 100_001) }
        #expect(zip(steps, steps.dropFirst()).allSatisfy { $0 < $1 })
    }
}
