extension OperationKind {
    /// The word for it on the command line.
    package var word: String {
        switch self {
        case .get: "get"
        case .multiget: "mget"
        case .set: "set"
        case .add: "add"
        case .delete: "delete"
        case .increment: "incr"
        case .touch: "touch"
        case .getAndTouch: "gat"
        case .compareAndSet: "cas"
        case .lease: "lease"
        }
    }
}

extension Mix: CustomStringConvertible {
    /// Reads `get=90,set=10` and `get=30,mget:20=5`; a word alone has the weight 1.
    package init(parsing text: String, subject: String = "mix") throws(WorkloadError) {
        let option = OptionText(subject, text)
        var weights: [OperationKind: Double] = [:]
        var multigetKeys = Mix.multigetKeysUsual
        for part in OptionText.split(text[...], at: ",") {
            let sides = OptionText.split(part, at: "=")
            guard sides.count <= 2 else { throw option.error("'\(part)' is not OPERATION=WEIGHT") }
            let words = OptionText.split(sides[0], at: ":")
            guard let kind = OperationKind.allCases.first(where: { $0.word == words[0] }) else {
                let all = OperationKind.allCases.map(\.word).joined(separator: ", ")
                throw option.error("'\(words[0])' is none of \(all)")
            }
            guard weights[kind] == nil else { throw option.error("'\(kind.word)' comes twice") }
            guard words.count == 1 || kind == .multiget && words.count == 2 else {
                throw option.error("'\(sides[0])': only mget has a number of keys, as in mget:20=5")
            }
            if words.count == 2 { multigetKeys = try Self.keys(words[1], option) }
            weights[kind] =
                sides.count == 1 ? 1 : try option.number(sides[1], "the weight of \(kind.word)", from: 0, to: 1e15)
        }
        guard weights.values.contains(where: { $0 > 0 }) else { throw option.error("no weight is above 0") }
        try self.init(weights, multigetKeys: multigetKeys)
    }

    private static func keys(_ text: Substring, _ option: OptionText) throws(WorkloadError) -> ClosedRange<Int> {
        let most = UInt64(Self.multigetKeysMax)
        guard let range = OptionText.range(text) else {
            let count = Int(try option.count(text, "the number of keys", from: 1, to: most))
            return count...count
        }
        let lower = try option.count(range.lower, "the least number of keys", from: 1, to: most)
        let upper = try option.count(range.upper, "the greatest number of keys", from: lower, to: most)
        return Int(lower)...Int(upper)
    }

    package var description: String {
        OperationKind.allCases.compactMap { kind in
            guard let weight = weights[kind] else { return nil }
            guard kind == .multiget else { return "\(kind.word)=\(plain(weight))" }
            let lower = multigetKeys.lowerBound
            let keys = multigetKeys.count == 1 ? "\(lower)" : "\(lower)-\(multigetKeys.upperBound)"
            return "mget:\(keys)=\(plain(weight))"
        }
        .joined(separator: ",")
    }
}
