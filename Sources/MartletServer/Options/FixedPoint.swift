/// Decimal fractions as text, with a fixed number of places: what C's `%.2f` gives.
enum FixedPoint {
    /// `value` must be finite and under 10^12; `places` at most 6.
    static func text(_ value: Double, places: Int) -> String {
        var scale = 1
        for _ in 0..<places { scale *= 10 }
        let scaled = Int((value.magnitude * Double(scale)).rounded())
        let whole = (value < 0 ? "-" : "") + String(scaled / scale)
        guard places > 0 else { return whole }
        let fraction = String(scaled % scale)
        return whole + "." + String(repeating: "0", count: places - fraction.count) + fraction
    }
}
