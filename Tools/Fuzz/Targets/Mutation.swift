import StoreTesting

/// Inputs made from others, without libFuzzer: what the suite tries in any build, the same on every run.
package struct Mutation {
    private var random: SplitMix
    private let inputs: [[UInt8]]
    private let words: [[UInt8]]

    private static let bytesMax = 4096

    /// Of `inputs`, of which there must be one, with the words of a dictionary.
    package init(_ inputs: [[UInt8]], words: [[UInt8]], seed: UInt64) {
        precondition(!inputs.isEmpty, "there is something to change")
        self.inputs = inputs
        self.words = words
        random = SplitMix(seed: seed)
    }

    package mutating func next() -> [UInt8] {
        var input = inputs[random.below(inputs.count)]
        for _ in 0...random.below(4) { change(&input) }
        if input.count > Self.bytesMax { input.removeLast(input.count - Self.bytesMax) }
        return input
    }

    private mutating func change(_ input: inout [UInt8]) {
        guard !input.isEmpty else { return input = [UInt8(random.below(256))] }
        let place = random.below(input.count)
        switch random.below(8) {
        case 0: input[place] ^= 1 << UInt8(random.below(8))
        case 1: input[place] = UInt8(random.below(256))
        case 2: input.insert(UInt8(random.below(256)), at: place)
        case 3: input.removeSubrange(place..<min(place + 1 + random.below(8), input.count))
        case 4: input.insert(contentsOf: input[place..<min(place + 1 + random.below(60), input.count)], at: place)
        case 5 where !words.isEmpty, 6 where !words.isEmpty:
            input.insert(contentsOf: words[random.below(words.count)], at: place)
        default:
            let other = inputs[random.below(inputs.count)]
            input = Array(input[..<place]) + other.dropFirst(random.below(other.count + 1))
        }
    }

    /// The words of a dictionary in libFuzzer's form: a line for each, in quotes, with `\x0d` for bytes.
    package static func words(_ dictionary: String) -> [[UInt8]] {
        dictionary.split(whereSeparator: \.isNewline).compactMap { line in
            guard line.hasPrefix("\""), line.hasSuffix("\""), line.count > 2 else { return nil }
            var word: [UInt8] = []
            var rest = Array(line.utf8).dropFirst().dropLast()
            while let byte = rest.popFirst() {
                guard byte == 0x5c, let next = rest.popFirst() else {
                    word.append(byte)
                    continue
                }
                if next == 0x78, rest.count >= 2 {
                    word.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
                    rest = rest.dropFirst(2)
                } else {
                    word.append(next)
                }
            }
            return word
        }
    }
}
