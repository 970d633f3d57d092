extension Lives: CustomStringConvertible {
    /// Reads the forms that the type's description lists; `0` is for ever.
    package init(parsing text: String, subject: String = "lives") throws(WorkloadError) {
        let option = OptionText(subject, text)
        let (name, parts) = option.form
        if let parts {
            guard name == "mix" else { throw option.error(Self.forms) }
            self = .mixed(try Self.shares(parts, option))
        } else if name.first?.isNumber == true {
            let range = try Self.range(name, option)
            if range.lower == range.upper {
                self = range.lower == 0 ? .forever : .fixed(range.lower)
            } else {
                self = .uniform(range.lower, range.upper)
            }
        } else {
            throw option.error(Self.forms)
        }
    }

    private static let forms = "is none of SECONDS, A-B, mix:SECONDS=WEIGHT,..., as in mix:60=3,0=7"

    private static func shares(_ parts: [Substring], _ option: OptionText) throws(WorkloadError) -> [Share] {
        var shares: [Share] = []
        var total = 0.0
        for part in parts {
            let sides = OptionText.split(part, at: "=")
            guard sides.count == 2 else { throw option.error("'\(part)' is not SECONDS=WEIGHT") }
            let range = try range(sides[0], option)
            total += try option.number(sides[1], "the weight of \(sides[0])", from: 0, to: 1e15)
            shares.append(Share(lower: range.lower, upper: range.upper, upTo: total))
        }
        guard total > 0 else { throw option.error("no weight is above 0") }
        for index in shares.indices { shares[index].upTo /= total }
        return shares
    }

    private static func range(
        _ text: Substring, _ option: OptionText
    ) throws(WorkloadError) -> (lower: UInt32, upper: UInt32) {
        guard let range = OptionText.range(text) else {
            let seconds = try option.secondsToLive(text, "the life")
            return (seconds, seconds)
        }
        let lower = try option.secondsToLive(range.lower, "the shortest life")
        let upper = try option.secondsToLive(range.upper, "the longest life")
        guard lower <= upper else { throw option.error("the range \(text) ends before it begins") }
        // Within a range that begins with 0, 0 would be for ever and not the shortest life.
        guard lower > 0 || upper == 0 else { throw option.error("a range of lives begins with 1 second at least") }
        return (lower, upper)
    }

    /// The form it is read from; weights as shares of one.
    package var description: String {
        switch self {
        case .forever: return "0"
        case .fixed(let seconds): return "\(seconds)"
        case .uniform(let lower, let upper): return "\(lower)-\(upper)"
        case .mixed(let shares):
            var before = 0.0
            let parts = shares.map { share in
                defer { before = share.upTo }
                let life = share.lower == share.upper ? "\(share.lower)" : "\(share.lower)-\(share.upper)"
                return "\(life)=\(plain(((share.upTo - before) * 1e6).rounded() / 1e6))"
            }
            return "mix:" + parts.joined(separator: ",")
        }
    }
}
