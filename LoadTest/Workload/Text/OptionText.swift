/// A piece of the command line that is being read: it knows what it is for, so that every error names it.
package struct OptionText: Sendable {
    /// What the text is for, as an error calls it: "value sizes".
    package let subject: String
    package let text: String

    package init(_ subject: String, _ text: String) {
        self.subject = subject
        self.text = text
    }

    package func error(_ reason: String) -> WorkloadError { WorkloadError("\(subject) '\(text)': \(reason)") }

    /// The word before the first `:`, and the parts between commas behind it; nil for the parts where there is no `:`.
    var form: (name: Substring, parts: [Substring]?) {
        guard let colon = text.firstIndex(of: ":") else { return (text[...], nil) }
        return (text[..<colon], Self.split(text[text.index(after: colon)...], at: ","))
    }

    static func split(_ text: Substring, at separator: Character) -> [Substring] {
        text.split(separator: separator, omittingEmptySubsequences: false)
    }

    /// A finite number from `lowest` to `highest`.
    package func number(
        _ part: Substring, _ what: String, from lowest: Double = -.greatestFiniteMagnitude,
        to highest: Double = .greatestFiniteMagnitude
    ) throws(WorkloadError) -> Double {
        guard let number = Double(part), number.isFinite else { throw error("\(what) '\(part)' is not a number") }
        guard number >= lowest, number <= highest else {
            let range = highest == .greatestFiniteMagnitude ? "\(lowest) or more" : "\(lowest) to \(highest)"
            throw error("\(what) is \(part), must be \(range)")
        }
        return number
    }

    /// A whole number; `k`, `m`, `g` behind it mean thousands, millions and thousands of millions.
    package func count(
        _ part: Substring, _ what: String, from lowest: UInt64 = 0, to highest: UInt64 = .max
    ) throws(WorkloadError) -> UInt64 {
        try whole(part, what, kilo: 1000, lowest, highest)
    }

    /// Bytes; `k`, `m`, `g` behind the number mean powers of 1024.
    package func bytes(
        _ part: Substring, _ what: String, from lowest: Int = 0, to highest: Int = Sizes.bytesMax
    ) throws(WorkloadError) -> Int {
        Int(try whole(part, what, kilo: 1024, UInt64(lowest), UInt64(highest)))
    }

    /// Seconds as a number, or with `ms`, `s`, `m`, `h` or `d` behind it, in nanoseconds.
    package func nanoseconds(_ part: Substring, _ what: String) throws(WorkloadError) -> UInt64 {
        let units: [(suffix: String, nanoseconds: Double)] = [
            ("ms", 1e6), ("us", 1e3), ("s", 1e9), ("m", 60e9), ("h", 3600e9), ("d", 86400e9),
        ]
        let unit = units.first { part.hasSuffix($0.suffix) }
        let seconds = try number(part.dropLast(unit?.suffix.count ?? 0), what, from: 0, to: 1e9)
        let nanoseconds = seconds * (unit?.nanoseconds ?? 1e9)
        guard nanoseconds < 0x1p63 else { throw error("\(what) is \(part), longer than can be counted") }
        return UInt64(nanoseconds)
    }

    /// Whole seconds of an item's life; `s`, `m`, `h`, `d` may stand behind the number.
    func secondsToLive(_ part: Substring, _ what: String) throws(WorkloadError) -> UInt32 {
        let seconds = try nanoseconds(part, what) / 1_000_000_000
        guard seconds <= UInt64(Lives.secondsMax) else {
            throw error("\(what) is \(part), longer than 30 days, which a server takes for a date")
        }
        return UInt32(seconds)
    }

    private func whole(
        _ part: Substring, _ what: String, kilo: UInt64, _ lowest: UInt64, _ highest: UInt64
    ) throws(WorkloadError) -> UInt64 {
        var digits = part
        var unit: UInt64 = 1
        if let last = part.last, let power = ["k": 1, "m": 2, "g": 3][last.lowercased()] {
            digits = part.dropLast()
            for _ in 0..<power { unit *= kilo }
        }
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = UInt64(digits) else {
            throw error("\(what) '\(part)' is not a whole number")
        }
        let (product, overflows) = number.multipliedReportingOverflow(by: unit)
        guard !overflows, product >= lowest, product <= highest else {
            throw error(
                "\(what) is \(part), must be \(highest == .max ? "\(lowest) or more" : "\(lowest) to \(highest)")")
        }
        return product
    }

    /// The parts must be as many as `names`.
    func expect(_ parts: [Substring]?, _ names: String..., example: String) throws(WorkloadError) -> [Substring] {
        guard let parts, parts.count == names.count else {
            throw error("needs \(names.joined(separator: ", ")), as in \(example)")
        }
        return parts
    }

    /// `A-B`, or nil where there is no dash.
    static func range(_ part: Substring) -> (lower: Substring, upper: Substring)? {
        guard let dash = part.firstIndex(of: "-"), dash != part.startIndex else { return nil }
        return (part[..<dash], part[part.index(after: dash)...])
    }
}
