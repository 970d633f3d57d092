extension Popularity: CustomStringConvertible {
    /// Reads the forms that the type's description lists.
    package init(parsing text: String, subject: String = "popularity") throws(WorkloadError) {
        let pieces = OptionText.split(text[...], at: "+")
        self.init(try Self.shape(OptionText(subject, String(pieces[0]))))
        for piece in pieces.dropFirst() {
            let option = OptionText(subject, String(piece))
            let (name, parts) = option.form
            switch name {
            case "drift" where drift == nil: drift = try Self.drift(option, parts)
            case "scan" where scan == nil: scan = try Self.scan(option, parts)
            case "drift", "scan": throw option.error("comes twice in '\(text)'")
            default: throw option.error("is none of drift:KEYS/OPERATIONS, drift:KEYS/SECONDSs, scan:SHARE,KEYS")
            }
        }
    }

    private static func shape(_ option: OptionText) throws(WorkloadError) -> Shape {
        let (name, parts) = option.form
        switch name {
        case "uniform" where parts == nil: return .uniform
        case "sequential" where parts == nil: return .sequential
        case "zipf", "latest":
            var exponent = 0.99
            if let parts {
                guard parts.count == 1 else { throw option.error("needs an exponent, as in \(name):0.99") }
                exponent = try option.number(parts[0], "the exponent", from: 1e-6, to: 100)
            }
            return name == "zipf" ? .zipf(exponent: exponent) : .latest(exponent: exponent)
        case "hot":
            let parts = try option.expect(
                parts, "the share of keys", "the share of operations", example: "hot:0.1,0.9")
            return .hotSet(
                keys: try option.number(parts[0], "the share of keys", from: 0, to: 1),
                operations: try option.number(parts[1], "the share of operations", from: 0, to: 1))
        default:
            throw option.error("is none of uniform, zipf:EXPONENT, hot:KEYS,OPERATIONS, sequential, latest:EXPONENT")
        }
    }

    private static func drift(_ option: OptionText, _ parts: [Substring]?) throws(WorkloadError) -> Drift {
        let sides = parts?.count == 1 ? OptionText.split(parts![0], at: "/") : []
        guard sides.count == 2 else {
            throw option.error("needs keys and a period, as in drift:100/10000 (operations) or drift:100/5s")
        }
        let keys = try option.count(sides[0], "the number of keys", from: 1)
        if sides[1].last.map({ "sh".contains($0) }) == true {
            let period = try option.nanoseconds(sides[1], "the period")
            guard period > 0 else { throw option.error("the period must be longer than nothing") }
            return Drift(keys: keys, period: .nanoseconds(period))
        }
        return Drift(keys: keys, period: .operations(try option.count(sides[1], "the period", from: 1)))
    }

    private static func scan(_ option: OptionText, _ parts: [Substring]?) throws(WorkloadError) -> Scan {
        guard let parts, (1...2).contains(parts.count) else {
            throw option.error("needs a share of the operations, as in scan:0.05 or scan:0.05,1000000")
        }
        let share = try option.number(parts[0], "the share", from: 0, to: 1)
        return Scan(
            share: share,
            furtherKeys: parts.count == 2 ? try option.count(parts[1], "the number of keys", from: 1, to: 1 << 40) : nil
        )
    }

    package var description: String {
        var text =
            switch shape {
            case .uniform: "uniform"
            case .zipf(let exponent): "zipf:\(plain(exponent))"
            case .hotSet(let keys, let operations): "hot:\(plain(keys)),\(plain(operations))"
            case .sequential: "sequential"
            case .latest(let exponent): "latest:\(plain(exponent))"
            }
        switch drift?.period {
        case .operations(let count): text += "+drift:\(drift?.keys ?? 0)/\(count)"
        case .nanoseconds(let count): text += "+drift:\(drift?.keys ?? 0)/\(plain(Double(count) / 1e9))s"
        case nil: break
        }
        if let scan {
            text += "+scan:\(plain(scan.share))" + (scan.furtherKeys.map { ",\($0)" } ?? "")
        }
        return text
    }
}
