/// A text of a transcript: bytes, and places for bytes that are not known beforehand.
struct WireText: Sendable {
    enum Part: Sendable, Equatable {
        case bytes([UInt8])
        /// Digits, in a range if one is given.
        case digits(ClosedRange<UInt64>?)
        /// Anything up to CR.
        case rest
        /// Digits to remember.
        case remember(String)
        /// Digits remembered before, with an offset.
        case recall(String, offset: Int64)
    }

    struct Mistake: Error { let text: String }

    private(set) var parts: [Part] = []

    init(_ text: some StringProtocol) throws {
        var rest = Array(text.utf8)[...]
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\\"):
                bytes.append(try Self.escaped(&rest))
            case UInt8(ascii: "{"):
                switch try Self.braced(&rest) {
                case .bytes(let more): bytes += more
                case let part:
                    if !bytes.isEmpty { parts.append(.bytes(bytes)) }
                    bytes = []
                    parts.append(part)
                }
            default:
                bytes.append(byte)
            }
        }
        if !bytes.isEmpty { parts.append(.bytes(bytes)) }
    }

    // MARK: Reading

    /// The byte behind a backslash.
    private static func escaped(_ rest: inout ArraySlice<UInt8>) throws -> UInt8 {
        switch rest.popFirst() {
        case UInt8(ascii: "r"): return 13
        case UInt8(ascii: "n"): return 10
        case UInt8(ascii: "t"): return 9
        case UInt8(ascii: "0"): return 0
        case UInt8(ascii: "s"): return 32
        case UInt8(ascii: "\\"): return 92
        case UInt8(ascii: "{"): return 123
        case UInt8(ascii: "x"):
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            rest = rest.dropFirst(2)
            guard let byte = UInt8(digits, radix: 16) else { throw Mistake(text: "\\x\(digits)") }
            return byte
        default: throw Mistake(text: "a backslash before nothing known")
        }
    }

    /// What stands in braces; the opening one is read already.
    private static func braced(_ rest: inout ArraySlice<UInt8>) throws -> Part {
        guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else { throw Mistake(text: "a brace is not closed") }
        let inner = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
        rest = rest[(end + 1)...]
        if inner == "*" { return .rest }
        if inner == "bytes" { return .bytes(Array(0...255)) }
        if inner.hasPrefix("#") { return .digits(try range(inner.dropFirst())) }
        if inner.hasPrefix("=") { return .remember(String(inner.dropFirst())) }
        if let star = inner.lastIndex(of: "*"), let count = Int(inner[inner.index(after: star)...]) {
            return .bytes(try repeated(inner[..<star], count))
        }
        return try recalled(inner)
    }

    private static func repeated(_ text: Substring, _ count: Int) throws -> [UInt8] {
        var unit: [UInt8] = []
        if text == "bytes" {
            unit = Array(0...255)
        } else {
            var rest = Array(text.utf8)[...]
            while let byte = rest.popFirst() {
                unit.append(byte == UInt8(ascii: "\\") ? try escaped(&rest) : byte)
            }
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(unit.count * count)
        for _ in 0..<count { bytes += unit }
        return bytes
    }

    private static func range(_ text: Substring) throws -> ClosedRange<UInt64>? {
        if text.isEmpty { return nil }
        let bounds = text.split(separator: "-").compactMap { UInt64($0) }
        guard bounds.count == 2, bounds[0] <= bounds[1] else { throw Mistake(text: "{#\(text)}") }
        return bounds[0]...bounds[1]
    }

    private static func recalled(_ text: String) throws -> Part {
        guard let sign = text.lastIndex(where: { $0 == "+" || $0 == "-" }) else { return .recall(text, offset: 0) }
        guard let offset = Int64(text[sign...]) else { throw Mistake(text: "{\(text)}") }
        return .recall(String(text[..<sign]), offset: offset)
    }

    // MARK: Using

    /// The bytes to send.
    func bytes(_ memory: [String: UInt64]) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for part in parts {
            switch part {
            case .bytes(let some): bytes += some
            case .recall(let name, let offset): bytes += try Self.number(name, offset, memory)
            default: throw Mistake(text: "only an expectation may have a place for anything")
            }
        }
        return bytes
    }

    private static func number(_ name: String, _ offset: Int64, _ memory: [String: UInt64]) throws -> [UInt8] {
        guard let value = memory[name] else { throw Mistake(text: "{\(name)} was not remembered") }
        return Array(String(value &+ UInt64(bitPattern: offset)).utf8)
    }

    enum Match: Equatable {
        /// So many bytes at the front are what is expected.
        case matched(Int)
        /// It could still become a match with more bytes.
        case needsMore
        case differs
    }

    /// Compares with the front of `bytes`, and remembers what is to be remembered.
    func match(_ bytes: ArraySlice<UInt8>, _ memory: inout [String: UInt64]) throws -> Match {
        var rest = bytes
        for part in parts {
            switch part {
            case .bytes(let wanted):
                if !rest.starts(with: wanted) { return wanted.starts(with: rest) ? .needsMore : .differs }
                rest = rest.dropFirst(wanted.count)
            case .recall(let name, let offset):
                let wanted = try Self.number(name, offset, memory)
                if !rest.starts(with: wanted) { return wanted.starts(with: rest) ? .needsMore : .differs }
                rest = rest.dropFirst(wanted.count)
            case .rest:
                guard let end = rest.firstIndex(of: 13) else { return .needsMore }
                rest = rest[end...]
            case .digits(let range):
                guard let number = Self.digits(&rest) else { return rest.isEmpty ? .needsMore : .differs }
                if rest.isEmpty { return .needsMore }
                if let range, !range.contains(number) { return .differs }
            case .remember(let name):
                guard let number = Self.digits(&rest) else { return rest.isEmpty ? .needsMore : .differs }
                if rest.isEmpty { return .needsMore }
                memory[name] = number
            }
        }
        return .matched(bytes.count - rest.count)
    }

    private static func digits(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        rest = rest.dropFirst(digits.count)
        return UInt64(String(decoding: digits, as: UTF8.self))
    }
}
