import MartletProtocol

/// A JSON value on one line.
indirect enum JSONLine: CustomStringConvertible {
    case text(String)
    case number(Int)
    /// A number as it is spelt.
    case decimal(Decimal)
    case fraction(Double)
    case flag(Bool)
    case null
    case list([JSONLine])
    case members([(String, JSONLine)])

    /// A number if it is spelt as one, a text otherwise: how statistics are told.
    init(statistic: String) {
        self = Decimal(statistic).map { .decimal($0) } ?? .text(statistic)
    }

    /// Bytes as text where they are UTF-8, else in base64 under another name.
    static func bytes(_ name: String, _ bytes: [UInt8]) -> (String, JSONLine) {
        if let text = String(validating: bytes, as: UTF8.self) { return (name, .text(text)) }
        return (name + "_base64", .text(Base64.text(of: bytes)))
    }

    var description: String {
        switch self {
        case .text(let text): Self.quoted(text)
        case .number(let number): String(number)
        case .decimal(let decimal): decimal.digits
        case .fraction(let fraction): Self.rounded(fraction)
        case .flag(let flag): flag ? "true" : "false"
        case .null: "null"
        case .list(let items): "[" + items.map(\.description).joined(separator: ",") + "]"
        case .members(let members):
            "{" + members.map { Self.quoted($0.0) + ":" + $0.1.description }.joined(separator: ",") + "}"
        }
    }

    /// Four decimals.
    private static func rounded(_ fraction: Double) -> String {
        guard fraction.magnitude < 1e14 else { return "null" }
        let scaled = Int((fraction.magnitude * 1e4).rounded())
        let digits = String(scaled % 10_000)
        let sign = fraction < 0 && scaled > 0 ? "-" : ""
        return "\(sign)\(scaled / 10_000)." + String(repeating: "0", count: 4 - digits.count) + digits
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\n": quoted += "\\n"
            // Those behind ASCII command some terminals, too.
            case _ where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

/// A number with or without a fraction, spelt as JSON wants it: `-12`, `0.5`; not `007`, `+1` or `.5`.
struct Decimal {
    let digits: String

    init?(_ text: some StringProtocol) {
        var rest = Array(text.utf8)[...]
        if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
        let parts = rest.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        let areDigits = parts.allSatisfy { part in
            (1...Self.digitsMax).contains(part.count) && part.allSatisfy { (0x30...0x39).contains($0) }
        }
        guard areDigits, parts[0].count == 1 || parts[0].first != UInt8(ascii: "0") else { return nil }
        digits = String(text)
    }

    /// More is not believed to be a number that somebody has counted.
    private static let digitsMax = 20
}
