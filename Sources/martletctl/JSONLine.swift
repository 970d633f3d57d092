import MartletProtocol

/// A JSON value on one line.
indirect enum JSONLine: CustomStringConvertible {
    case text(String)
    case number(Int)
    case fraction(Double)
    case flag(Bool)
    case null
    case list([JSONLine])
    case members([(String, JSONLine)])

    /// A number if it looks like one, a text otherwise: how statistics are told.
    init(statistic: String) {
        self = Int(statistic).map { .number($0) } ?? .text(statistic)
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
        case .fraction(let fraction): Self.decimal(fraction)
        case .flag(let flag): flag ? "true" : "false"
        case .null: "null"
        case .list(let items): "[" + items.map(\.description).joined(separator: ",") + "]"
        case .members(let members):
            "{" + members.map { Self.quoted($0.0) + ":" + $0.1.description }.joined(separator: ",") + "}"
        }
    }

    /// Four decimals.
    private static func decimal(_ fraction: Double) -> String {
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
