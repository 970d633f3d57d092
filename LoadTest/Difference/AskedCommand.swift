/// A command as text of the wire, and what a rule about differences may want to know of it. Latin-1: every byte is a
/// character.
package struct AskedCommand {
    /// Line and data block.
    let text: String
    /// The words of the line, the first one's leading spaces gone.
    let words: [Substring]

    package init(_ text: String) {
        self.text = text
        // Without an end the line goes on into the marker behind it.
        let isEnded = text.unicodeScalars.contains("\n")
        words = (Self.lines(text).first.map { $0.split(separator: " ") } ?? []) + (isEnded ? [] : ["=marker=", "k"])
    }

    var verb: Substring { words.first ?? "" }

    static let storageVerbs: Set<Substring> = ["set", "add", "replace", "append", "prepend", "cas", "ms"]
    static let metaVerbs: Set<Substring> = ["mg", "ms", "md", "ma", "me"]
    static let listVerbs: Set<Substring> = ["get", "gets", "gat", "gats"]

    var isStorage: Bool { Self.storageVerbs.contains(verb) }
    var isArithmetic: Bool { ["incr", "decr", "ma"].contains(verb) }
    var isMeta: Bool { Self.metaVerbs.contains(verb) }

    /// What stands in lines, their ends gone: the line, and of a data block what may be taken for lines.
    var lines: [Substring] { Self.lines(text) }

    private static func lines(_ text: String) -> [Substring] {
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            Substring(line.last == "\r" ? line.dropLast() : line)
        }
    }

    // MARK: Meta commands

    /// The flags behind a meta command's key, and length.
    var flags: ArraySlice<Substring> { isMeta ? words.dropFirst(verb == "ms" ? 3 : 2) : [] }

    func has(_ letter: Character) -> Bool { flags.contains { $0.first == letter } }

    /// Whether it answers nothing, or may: what it did shows later.
    var isSilent: Bool { words.last == "noreply" || has("q") }

    /// Whether what it does depends on an item's token.
    var comparesToken: Bool { verb == "cas" || has("C") }

    /// The key that a base64 key stands for, and whether all of its bytes belong into one; nil without `b`.
    var decodedKey: (text: String, isWhole: Bool)? {
        guard has("b"), words.count > 1 else { return nil }
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".unicodeScalars)
        var scalars = Array(words[1].unicodeScalars)
        while scalars.last == "=" { scalars.removeLast() }
        let places = scalars.compactMap { letters.firstIndex(of: $0) }
        var (bits, count, text) = (0, 0, String.UnicodeScalarView())
        for place in places {
            (bits, count) = ((bits << 6 | place) & 0xffff, count + 6)
            if count >= 8 {
                count -= 8
                text.append(UnicodeScalar(UInt8(truncatingIfNeeded: bits >> count)))
            }
        }
        return (String(text), places.count == scalars.count && words[1].unicodeScalars.count % 4 == 0)
    }

    /// Whether memcached finds out that the opaque token is too long only when it has done everything else.
    var hasLongOpaque: Bool { flags.contains { $0.first == "O" && $0.unicodeScalars.count > Self.opaqueBytesMax } }

    private static let opaqueBytesMax = 32

    // MARK: Numbers

    /// Whether its line and data block are there as the line says. Otherwise what follows is taken for part of it, or
    /// part of it for commands.
    var isWhole: Bool {
        guard text.unicodeScalars.last == "\n" else { return false }
        guard isStorage else { return lines.count == 2 }
        guard !lengthIsUnknown, let length = Int(words[verb == "ms" ? 2 : 4]) else { return false }
        let scalars = text.unicodeScalars
        let lineEnd = scalars.firstIndex(of: "\n").map { scalars.index(after: $0) } ?? scalars.endIndex
        return scalars.distance(from: lineEnd, to: scalars.endIndex) == length + 2 && text.hasSuffix("\r\n")
    }

    /// Whether memcached refuses an `ms` for a flag that is none, and carries out its data block.
    var hasNoSuchFlag: Bool {
        verb == "ms" && flags.contains { flag in flag.unicodeScalars.first.map { !("A"..."z").contains($0) } ?? false }
    }

    /// Whether nobody can know how long its data block is: the length is missing or no number.
    var lengthIsUnknown: Bool {
        guard isStorage else { return false }
        let place = verb == "ms" ? 2 : 4
        guard words.count > place, let length = Int64(words[place]) else { return true }
        return length < 0 || length > 0x7fff_fffd
    }

    /// The numbers that have bounds: client flags and times.
    private var boundedNumbers: [(word: Substring, range: ClosedRange<Double>)] {
        let (unsigned, signed) = (0.0...4_294_967_295, -2_147_483_648.0...2_147_483_647)
        func word(_ index: Int) -> Substring { words.count > index ? words[index] : "0" }
        switch verb {
        case "set", "add", "replace", "append", "prepend", "cas": return [(word(2), unsigned), (word(3), signed)]
        case "touch": return [(word(2), signed)]
        case "gat", "gats": return [(word(1), signed)]
        default:
            return flags.compactMap { flag in
                switch flag.first {
                case "F": (flag.dropFirst(), unsigned)
                case "T", "N", "R": (flag.dropFirst(), signed)
                default: nil
                }
            }
        }
    }

    /// Whether an item would be over within minutes: the servers' seconds begin at different moments, and the one has
    /// it still when it is over at the other.
    package var endsSoon: Bool {
        let places: [Substring] =
            switch verb {
            case "set", "add", "replace", "append", "prepend", "cas": Array(words.dropFirst(3).prefix(1))
            case "touch": Array(words.dropFirst(2).prefix(1))
            case "gat", "gats": Array(words.dropFirst(1).prefix(1))
            default: flags.filter { ["T", "N"].contains($0.first) }.map { $0.dropFirst() }
            }
        return places.contains { word in
            let digits = word.drop { !$0.isNumber && $0 != "-" }.prefix(while: \.isNumber)
            return Int(digits).map { (1...Self.soonSeconds).contains($0) } ?? false
        }
    }

    private static let soonSeconds = 600

    var hasNumberOutOfRange: Bool {
        boundedNumbers.contains { word, range in Double(word).map { !range.contains($0) } ?? false }
    }

    /// White space that is no separator, a zero byte, or a sign that has no digits, or none but zeroes, or is a plus.
    var hasSpacedNumber: Bool {
        let line = Array((lines.first ?? "").unicodeScalars)
        return line.indices.dropFirst().contains { index in
            if line[index - 1] == " ", line[index] == "+" { return true }
            let next = index + 1 < line.count ? line[index + 1] : " "
            if line[index] == "-", !("1"..."9").contains(next) { return true }
            return ["\t", "\u{0}", "\u{0B}", "\u{0C}", "\r"].contains(line[index])
        }
    }

    // MARK: Keys and lines

    /// Keys of a list, as many as there are.
    var hasLongKey: Bool {
        Self.listVerbs.contains(verb) && words.dropFirst().contains { $0.unicodeScalars.count > Self.keyBytesMax }
    }

    var hasLongLine: Bool { lines.contains { $0.unicodeScalars.count >= Self.lineBytesMax } }

    /// A `delete` with something behind its key that memcached 1.6.18 refuses, and 1.6.45 does not.
    var isLongDelete: Bool {
        verb == "delete" && words.count > 2
            && ![["0"], ["noreply"], ["0", "noreply"]].contains(Array(words.dropFirst(2)))
    }

    private static let keyBytesMax = 250
    /// Up to the line's end.
    private static let lineBytesMax = 2047
}
