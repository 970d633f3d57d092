/// Quantities as people read them.
enum Quantity {
    static func bytes(_ count: Int) -> String { scaled(Double(count), 1024, ["B", "KiB", "MiB", "GiB", "TiB"]) }

    static func count(_ number: Double) -> String { scaled(number, 1000, ["", "k", "M", "G"]) }

    private static func scaled(_ number: Double, _ step: Double, _ units: [String]) -> String {
        var number = number
        var index = 0
        while number >= step, index < units.count - 1 {
            number /= step
            index += 1
        }
        let digits = index == 0 ? String(Int(number.rounded())) : tenths(number)
        return units[index].isEmpty ? digits : "\(digits) \(units[index])"
    }

    private static func tenths(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    static func seconds(_ count: Int) -> String {
        if count >= 86_400 { return "\(count / 86_400)d\(count % 86_400 / 3600)h" }
        if count >= 3600 { return "\(count / 3600)h\(count % 3600 / 60)m" }
        return count >= 60 ? "\(count / 60)m\(count % 60)s" : "\(count)s"
    }

    static func share(_ part: Double, _ whole: Double) -> String {
        whole > 0 ? tenths(part / whole * 100) + "%" : "-"
    }
}
