/// Operations as the Swift that makes them: a failing run prints itself, to be pasted into a test.
extension Step {
    var code: String {
        let inside = nested.map { ", (\($0.0), \($0.1.code))" }.joined()
        return "Step(\(client), \(operation.code)\(inside))"
    }
}

extension Operation {
    var code: String {
        switch self {
        case .store(let key, let content, let choice): ".store(\(arguments("key: \(key)", content.code, choice.code)))"
        case .hold(let key, let choice): ".hold(\(arguments("key: \(key)", choice.code)))"
        case .vivify(let key, let lifetime, let explicit):
            ".vivify(\(arguments("key: \(key)", lifetime.code, explicit.map { "explicit: \($0)" })))"
        case .delete(let key, let compare): ".delete(\(arguments("key: \(key)", compare.code)))"
        case .invalidate(let key, let choice): ".invalidate(\(arguments("key: \(key)", choice.code)))"
        case .arithmetic(let key, let choice): ".arithmetic(\(arguments("key: \(key)", choice.code)))"
        case .reserve(let slot, let key, let content): ".reserve(slot: \(slot), key: \(key), \(content.code))"
        case .receive(let slot, let bytes): ".receive(slot: \(slot), bytes: \(bytes))"
        case .commit(let slot, let choice): ".commit(\(arguments("slot: \(slot)", choice.code)))"
        case .abort(let slot): ".abort(slot: \(slot))"
        case .release(let lease): ".release(lease: \(lease))"
        case .flush: ".flush"
        case .flushLater(let seconds): ".flushLater(seconds: \(seconds))"
        case .advance(let seconds): ".advance(seconds: \(seconds))"
        case .maintain(let passes): ".maintain(passes: \(passes))"
        case .reassign(let from, let to): ".reassign(from: \(from), to: \(to))"
        case .advanceMove(let slices): ".advanceMove(slices: \(slices))"
        case .setLimit(let megabytes): ".setLimit(megabytes: \(megabytes))"
        case .fill(let first, let count, let length, let lifetime):
            ".fill(first: \(first), count: \(count), length: \(length), \(lifetime.code))"
        }
    }
}

private func arguments(_ all: String?...) -> String {
    all.compactMap { $0 }.joined(separator: ", ")
}

/// `Type(...)` with those arguments that are not nil.
private func call(_ type: String, _ all: String?...) -> String {
    "\(type)(\(all.compactMap { $0 }.joined(separator: ", ")))"
}

extension Content {
    var code: String {
        switch self {
        case .number(let number): ".number(\(number))"
        case .pattern(let pattern, let length): ".pattern(\(pattern), length: \(length))"
        }
    }
}

extension Lifetime {
    var code: String {
        switch self {
        case .never: ".never"
        case .over: ".over"
        case .seconds(let seconds): ".seconds(\(seconds))"
        }
    }
}

extension TokenChoice {
    var code: String {
        switch self {
        case .none: ".none"
        case .last: ".last"
        case .older: ".older"
        case .exactly(let token): ".exactly(\(token))"
        case .noItem: ".noItem"
        }
    }

    fileprivate var argument: String? { self == .none ? nil : "compare: \(code)" }
}

extension StoreChoice {
    var code: String {
        call(
            "StoreChoice", mode == .set ? nil : "mode: .\(mode)", flags == 0 ? nil : "flags: \(flags)",
            lifetime == .never ? nil : "lifetime: \(lifetime.code)", compare.argument,
            explicit.map { "explicit: \($0)" }, storesStale ? "storesStale: true" : nil,
            vivify.map { "vivify: \($0.code)" }, pieceBytes.map { "pieceBytes: \($0)" })
    }
}

extension HoldChoice {
    var code: String {
        call(
            "HoldChoice", bump ? nil : "bump: false", touch.map { "touch: \($0.code)" },
            givesWin ? "givesWin: true" : nil, lease.map { "lease: \($0)" })
    }
}

extension InvalidateChoice {
    var code: String {
        call(
            "InvalidateChoice", compare.argument, explicit.map { "explicit: \($0)" },
            marksStale ? "marksStale: true" : nil, dropsValue ? "dropsValue: true" : nil,
            flags == 0 ? nil : "flags: \(flags)", touch.map { "touch: \($0.code)" })
    }
}

extension ArithmeticChoice {
    var code: String {
        call(
            "ArithmeticChoice", "delta: \(delta)", isDecrement ? "isDecrement: true" : nil, compare.argument,
            explicit.map { "explicit: \($0)" }, touch.map { "touch: \($0.code)" },
            vivify.map { "vivify: \($0.code)" }, seed == 0 ? nil : "seed: \(seed)")
    }
}

extension ModelConfiguration {
    var code: String {
        call(
            "ModelConfiguration", "megabytes: \(megabytes)", "itemBytesMax: \(itemBytesMax)",
            "keyCount: \(keyCount)", keysCollide ? "keysCollide: true" : nil, mayVanish ? "mayVanish: true" : nil,
            eviction == .martlet ? nil : "eviction: .\(eviction.name)",
            temporarySeconds == 0 ? nil : "temporarySeconds: \(temporarySeconds)",
            isMemcachedMode ? "isMemcachedMode: true" : nil)
    }
}
