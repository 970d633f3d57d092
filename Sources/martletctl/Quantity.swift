/// Quantities as people read them.
enum Quantity {
    static func bytes(_ count: Int) -> String { bytes(Double(count)) }

    static func bytes(_ count: Double) -> String { scaled(count, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]) }

    static func count(_ number: Double) -> String { scaled(number, 1000, ["", "k", "M", "G"]) }

    private static func scaled(_ number: Double, _ step: Double, _ units: [String]) -> String {
        var number = number
        var index = 0
        while number >= step, index < units.count - 1 {
            number /= step
            index += 1
        }
        let digits = index == 0 ? String(whole(number)) : tenths(number)
        return units[index].isEmpty ? digits : "\(digits) \(units[index])"
    }

    private static func tenths(_ number: Double) -> String {
        let tenths = whole(number * 10)
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// What servers tell may be any number.
    private static func whole(_ number: Double) -> Int {
        number.isNaN ? 0 : Int(min(max(number.rounded(), -wholeMax), wholeMax))
    }

    private static let wholeMax = 1e18

    static func seconds(_ count: Int) -> String {
        if count >= 86_400 { return "\(count / 86_400)d\(count % 86_400 / 3600)h" }
        if count >= 3600 { return "\(count / 3600)h\(count % 3600 / 60)m" }
        return count >= 60 ? "\(count / 60)m\(count % 60)s" : "\(count)s"
    }

    static func share(_ part: Double, _ whole: Double) -> String {
        whole > 0 ? tenths(part / whole * 100) + "%" : "-"
    }
}
