import MartletProtocol

/// A JSON text while it grows: one value after the other, commas set by itself.
package struct JSONText {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init() { bytes.reserveCapacity(32 << 10) }

    // MARK: Groups

    /// `{ ... }`, or with `name`, as a member.
    package mutating func group(_ name: String? = nil, _ body: (inout JSONText) -> Void) {
        open(name, UInt8(ascii: "{"))
        body(&self)
        close(UInt8(ascii: "}"))
    }

    /// `[ ... ]`
    package mutating func list(_ name: String? = nil, _ body: (inout JSONText) -> Void) {
        open(name, UInt8(ascii: "["))
        body(&self)
        close(UInt8(ascii: "]"))
    }

    private mutating func open(_ name: String?, _ bracket: UInt8) {
        begin(name)
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func begin(_ name: String?) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
        guard let name else { return }
        quote(name.utf8)
        bytes.append(UInt8(ascii: ":"))
    }

    // MARK: Values

    package mutating func add(_ name: String? = nil, _ value: Int) {
        begin(name)
        bytes.append(contentsOf: String(value).utf8)
    }

    mutating func add(_ name: String? = nil, _ value: Bool) {
        begin(name)
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    package mutating func add(_ name: String? = nil, text: String) {
        begin(name)
        quote(text.utf8)
    }

    /// `null` without one, and for what is no number.
    package mutating func add(_ name: String? = nil, _ value: Double?, places: Int = 3) {
        begin(name)
        guard let value, value.magnitude < 1e12 else {
            bytes.append(contentsOf: "null".utf8)
            return
        }
        bytes.append(contentsOf: FixedPoint.text(value, places: places).utf8)
    }

    /// Bytes of the wire, as `ShownBytes` shows them.
    package mutating func add(_ name: String? = nil, wire bytes: [UInt8]) {
        add(name, text: ShownBytes.text(of: bytes))
    }

    private mutating func quote(_ text: some Sequence<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(contentsOf: ((byte < 16 ? "0" : "") + String(byte, radix: 16)).utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
