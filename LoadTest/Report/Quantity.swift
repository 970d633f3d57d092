/// Numbers for people: three significant digits, a unit, thousands apart.
///
/// Nothing here depends on the locale: two reports of one run are the same text everywhere.
package enum Quantity {
    /// `812 ns`, `1.23 µs`, `45.6 ms`, `7.89 s`.
    package static func duration(nanoseconds: Double) -> String {
        scaled(nanoseconds, by: 1000, units: ["ns", "µs", "ms", "s"])
    }

    package static func duration(_ nanoseconds: UInt64) -> String { duration(nanoseconds: Double(nanoseconds)) }

    /// Times that people think of in seconds: `8 ms`, `1.5 s`, `2:03 min`, `1:00:05 h`.
    package static func span(seconds: Double) -> String {
        guard seconds.isFinite else { return "-" }
        if seconds < 60 { return duration(nanoseconds: seconds * 1e9) }
        let whole = Int(min(seconds, 1e12).rounded())
        let rest = twoDigits(whole % 60)
        if whole < 3600 { return "\(whole / 60):\(rest) min" }
        return "\(whole / 3600):\(twoDigits(whole / 60 % 60)):\(rest) h"
    }

    /// `812 B`, `1.23 KiB`, `45.6 MiB`.
    package static func bytes(_ count: Double) -> String {
        scaled(count, by: 1024, units: ["B", "KiB", "MiB", "GiB", "TiB"])
    }

    /// `812`, `1.23 k`, `45.6 M`: where there is little room.
    package static func brief(_ count: Double) -> String {
        scaled(count, by: 1000, units: ["", "k", "M", "G", "T"])
    }

    /// `1,234,567`.
    package static func grouped(_ count: Int) -> String {
        let digits = String(count.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return count < 0 ? "-" + text : text
    }

    /// `94.31 %` of a part in 0...1. Never rounds to a full hundred or to nothing what is neither.
    package static func percent(_ part: Double) -> String {
        guard part.isFinite else { return "-" }
        let text = fixed(part * 100, digits: 2)
        if part < 1, text == "100.00" { return "> 99.99 %" }
        if part > 0, text == "0.00" { return "< 0.01 %" }
        return text + " %"
    }

    /// `1.23×`: how often `b` is in `a`.
    package static func ratio(_ ratio: Double) -> String {
        guard ratio.isFinite else { return "-" }
        return (ratio >= 100 ? fixed(ratio, digits: 0) : fixed(ratio, digits: 2)) + "×"
    }

    /// A number with so many digits behind the point.
    package static func fixed(_ number: Double, digits: Int) -> String {
        guard number.isFinite, number.magnitude < 1e15 else { return "-" }
        var power = 1.0
        for _ in 0..<digits { power *= 10 }
        let whole = Int((number.magnitude * power).rounded())
        let sign = number < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return sign + String(whole) }
        let behind = String(whole % Int(power))
        let zeros = String(repeating: "0", count: digits - behind.count)
        return "\(sign)\(whole / Int(power)).\(zeros)\(behind)"
    }

    /// Three significant digits in the largest unit of which there is at least one.
    private static func scaled(_ number: Double, by factor: Double, units: [String]) -> String {
        guard number.isFinite else { return "-" }
        var rest = number
        var unit = 0
        // What would be shown as a full unit more is that unit: 999.7 ns are 1.00 µs.
        while rest.magnitude >= factor - 0.5, unit + 1 < units.count {
            rest /= factor
            unit += 1
        }
        let digits: Int
        switch rest.magnitude {
        case _ where unit == 0 && rest == rest.rounded(): digits = 0
        case ..<9.995: digits = 2
        case ..<99.95: digits = 1
        default: digits = 0
        }
        let text = fixed(rest, digits: digits)
        return units[unit].isEmpty ? text : "\(text) \(units[unit])"
    }

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
