import Glibc
import MartletStore

/// A value's bytes, compared at once: element by element is slow without optimisation.
struct Value: Equatable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    init(_ content: Content) {
        switch content {
        case .number(let number): bytes = Array("\(number)".utf8)
        case .pattern(let pattern, let length): bytes = Array(Self.source[pattern..<pattern + length])
        }
    }

    static let empty = Value([])

    /// The largest number of a pattern, and the longest pattern.
    static let patternMax = 4096
    static let lengthMax = 1 << 20

    /// Where patterns are cut from: no two alike places within reach.
    private static let source: [UInt8] = {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(lengthMax + patternMax + 8)
        var state: UInt64 = 1
        while bytes.count < lengthMax + patternMax {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            withUnsafeBytes(of: state >> 8) { bytes.append(contentsOf: $0.prefix(7)) }
        }
        return bytes
    }()

    var count: Int { bytes.count }

    static func + (left: Value, right: Value) -> Value {
        Value(left.bytes + right.bytes)
    }

    static func == (left: Value, right: Value) -> Bool {
        left.count == right.count && memcmp(left.bytes, right.bytes, left.count) == 0
    }

    /// The value as a counter: what strtoull reads, then only white space and zero bytes.
    var number: UInt64? {
        let spaces: Set<UInt8> = [0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20]
        let rest = bytes.drop { spaces.contains($0) }
        guard count <= ItemPointer.copiedValueBytesMax, let first = rest.first else { return nil }
        let digits = rest.dropFirst(first == 0x2b || first == 0x2d ? 1 : 0).prefix { (0x30...0x39).contains($0) }
        guard !digits.isEmpty, bytes[digits.endIndex...].allSatisfy({ $0 == 0 || spaces.contains($0) }),
            let number = UInt64(String(decoding: digits, as: UTF8.self))
        else { return nil }
        guard first == 0x2d else { return number }
        let wrapped = 0 &- number
        return wrapped > UInt64(Int64.max) ? nil : wrapped
    }

    /// `number` in digits, padded with blanks to at least `length`.
    static func counter(_ number: UInt64, atLeast length: Int) -> Value {
        let digits = Array("\(number)".utf8)
        return Value(digits + [UInt8](repeating: 0x20, count: max(0, length - digits.count)))
    }
}

extension Value: CustomStringConvertible {
    var description: String {
        if count <= 24, bytes.allSatisfy({ (0x20..<0x7f).contains($0) }) {
            return "\"\(String(decoding: bytes, as: UTF8.self))\""
        }
        return "\(count) bytes starting \(bytes.prefix(4).map { String($0, radix: 16) }.joined(separator: " "))"
    }
}
