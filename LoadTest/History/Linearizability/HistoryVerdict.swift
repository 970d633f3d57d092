/// Whether one key's calls can have been answered by a correct server, and if not, in as few calls as show it.
package enum HistoryVerdict: Sendable {
    case holds
    /// Lines of text: what was known, and which answers fit nothing.
    case broken(String)
    /// The calls are so entangled that the search was given up.
    case undecided
}

extension HistoryVerdict {
    private typealias Calls = [Call<ItemModel.Operation>]

    /// Configurations a search may take before it is given up: the first one, and those that only make the text
    /// shorter.
    private static let configurationsMax = 500_000
    private static let shorterConfigurationsMax = 20_000
    /// Searches that may be spent on a shorter text.
    private static let triesMax = 200

    /// `mayEvict`: an item may vanish at any moment.
    ///
    /// Tokens that rise make the search quick, so it is first made with that rule. Where it finds an order, there is
    /// one. Where it does not, and the tokens need only be different from each other, that is the second search.
    package static func of(
        _ calls: [Call<ItemModel.Operation>], mayEvict: Bool, tokens: TokenRule
    ) -> HistoryVerdict {
        mayEvict
            ? judge(calls, tokens, EvictingModel<ItemModel>.self, EvictingModel<LooseItemModel>.self)
            : judge(calls, tokens, ItemModel.self, LooseItemModel.self)
    }

    private static func judge<Strict: SequentialModel, Loose: SequentialModel>(
        _ calls: [Call<ItemModel.Operation>], _ tokens: TokenRule, _ strict: Strict.Type, _ loose: Loose.Type
    ) -> HistoryVerdict
    where
        Strict.Operation == ItemModel.Operation, Loose.Operation == ItemModel.Operation,
        Strict.State == ItemModel.State, Loose.State == ItemModel.State
    {
        guard let first = Linearization<Strict>.violation(in: calls, configurationsMax: configurationsMax) else {
            return .holds
        }
        if tokens == .rise { return first.isProved ? .broken(rule + excerpt(calls, strict)) : .undecided }
        if let clash = TokenRule.clash(in: calls) {
            let lines = clash.map { "  [\($0.began)...\($0.ended)] client \($0.client): \($0.operation)" }
            return .broken((["two versions have one token (moments in brackets):"] + lines).joined(separator: "\n"))
        }
        guard let second = Linearization<Loose>.violation(in: calls, configurationsMax: configurationsMax) else {
            return .holds
        }
        if second.isProved { return .broken(excerpt(calls, loose)) }
        // Only the search with the rule came to an end, so the text names the rule.
        return first.isProved ? .broken(rule + excerpt(calls, strict)) : .undecided
    }

    private static let rule = "taking it that a key's tokens rise:\n"

    // MARK: The excerpt

    /// Leaves out what the contradiction does not need, and writes down what is left of it.
    private static func excerpt<Model: SequentialModel>(
        _ calls: [Call<ItemModel.Operation>], _ model: Model.Type
    ) -> String where Model.Operation == ItemModel.Operation, Model.State == ItemModel.State {
        var kept = calls
        var tries = 0
        func isBroken(_ some: [Call<ItemModel.Operation>]) -> Bool {
            tries += 1
            let violation = Linearization<Model>.violation(in: some, configurationsMax: shorterConfigurationsMax)
            return violation?.isProved == true
        }
        // An answer that changed nothing can be left out: what has no order without it has none with it.
        var size = kept.count / 2
        while size > 0, tries < triesMax {
            var start = 0
            while start < kept.count, tries < triesMax {
                let range = start..<min(start + size, kept.count)
                let shorter = kept.indices.filter { !range.contains($0) || !Model.isObservation(kept[$0].operation) }
                if shorter.count < kept.count, isBroken(shorter.map { kept[$0] }) {
                    kept = shorter.map { kept[$0] }
                } else {
                    start += size
                }
            }
            size /= 2
        }
        guard let violation = Linearization<Model>.violation(in: kept, configurationsMax: configurationsMax) else {
            preconditionFailure("It was broken a moment ago.")
        }
        return Excerpt(
            all: calls, explained: violation.explained, state: violation.state,
            impossible: violation.candidates.isEmpty ? violation.nextInRank : violation.candidates
        ).text
    }
}

/// The calls around a contradiction, as a table. Moments are numbers: what has a smaller one was earlier.
private struct Excerpt {
    let all: [Call<ItemModel.Operation>]
    let explained: [Call<ItemModel.Operation>]
    let state: ItemModel.State
    let impossible: [Call<ItemModel.Operation>]

    private static let explainedMax = 5
    private static let impossibleMax = 12

    var text: String {
        var lines = ["no order of these calls explains their answers (moments in brackets):"]
        let shown = explained.suffix(Self.explainedMax)
        for call in origins where !shown.contains(where: { $0.began == call.began }) {
            lines.append(line(call) + "  <- who stored that")
        }
        if explained.count > shown.count { lines.append("  ... \(explained.count - shown.count) calls that fit") }
        lines += shown.map(line)
        lines.append("  the item is then: \(state)")
        lines.append(impossible.count == 1 ? "which contradicts" : "and none of these can be next")
        lines += impossible.prefix(Self.impossibleMax).map(line)
        if impossible.count > Self.impossibleMax {
            lines.append("  ... and \(impossible.count - Self.impossibleMax) more")
        }
        return lines.joined(separator: "\n")
    }

    /// Who stored the values that the impossible reads brought.
    private var origins: [Call<ItemModel.Operation>] {
        let values = impossible.compactMap { call -> String? in
            if case .get(let item?) = call.operation { item.value } else { nil }
        }
        return all.filter { call in
            switch call.operation {
            case .set(let value, _, _, _), .add(let value, _, true, _, _), .replace(let value, _, true, _, _),
                .compareAndSet(_, let value, _, .stored, _, _):
                values.contains(value)
            default: false
            }
        }
    }

    private func line(_ call: Call<ItemModel.Operation>) -> String {
        "  [\(call.began)...\(call.ended)] client \(call.client): \(call.operation)"
    }
}
