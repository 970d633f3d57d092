import LoadReport
import Testing

@Suite("Numbers for people")
struct QuantityTests {
    @Test(
        "A duration has three digits and the largest unit that fits",
        arguments: [
            (0.0, "0 ns"), (812, "812 ns"), (999.7, "1.00 µs"), (1_234, "1.23 µs"), (99_960, "100 µs"),
            (45_600_000, "45.6 ms"), (7_890_000_000, "7.89 s"), (612_000_000_000, "612 s"), (.nan, "-"),
        ])
    func durations(nanoseconds: Double, text: String) {
        #expect(Quantity.duration(nanoseconds: nanoseconds) == text)
    }

    @Test("Times of minutes and hours are told as a clock tells them")
    func spans() {
        #expect(Quantity.span(seconds: 10) == "10.0 s")
        #expect(Quantity.span(seconds: 123.4) == "2:03 min")
        #expect(Quantity.span(seconds: 3605) == "1:00:05 h")
        #expect(Quantity.span(seconds: .infinity) == "-")
    }

    @Test("Sizes count in 1024, brief numbers in 1000")
    func sizes() {
        #expect(Quantity.bytes(512) == "512 B")
        #expect(Quantity.bytes(1536) == "1.50 KiB")
        #expect(Quantity.bytes(1_082_000_000) == "1.01 GiB")
        #expect(Quantity.brief(162_345) == "162 k")
        #expect(Quantity.brief(950) == "950")
        #expect(Quantity.brief(2_812_345) == "2.81 M")
    }

    @Test("Thousands stand apart")
    func grouped() {
        #expect(Quantity.grouped(0) == "0")
        #expect(Quantity.grouped(999) == "999")
        #expect(Quantity.grouped(1_000) == "1,000")
        #expect(Quantity.grouped(-1_234_567) == "-1,234,567")
        #expect(Quantity.grouped(.min) == "-9,223,372,036,854,775,808")
    }

    @Test("A single miss in a million is not a full hundred per cent")
    func percents() {
        #expect(Quantity.percent(0.9431) == "94.31 %")
        #expect(Quantity.percent(1) == "100.00 %")
        #expect(Quantity.percent(0.999_999) == "> 99.99 %")
        #expect(Quantity.percent(0.000_001) == "< 0.01 %")
        #expect(Quantity.percent(0) == "0.00 %")
        #expect(Quantity.percent(.nan) == "-")
    }

    @Test("Ratios and fixed digits round to the nearest")
    func ratios() {
        #expect(Quantity.ratio(1.234) == "1.23×")
        #expect(Quantity.ratio(.infinity) == "-")
        #expect(Quantity.fixed(-0.004, digits: 2) == "0.00")
        #expect(Quantity.fixed(-1.005, digits: 1) == "-1.0")
        #expect(Quantity.fixed(2.5, digits: 0) == "3")
    }
}
