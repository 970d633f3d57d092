/// Keys as lines.
enum KeyText {
    /// For people: text is shown as text, what would command a terminal or would not be seen by its bytes, as `\x1b`,
    /// and a backslash twice. So no two keys are shown alike.
    static func shown(_ key: [UInt8]) -> String {
        guard let text = String(validating: key, as: UTF8.self) else {
            return key.reduce(into: "") { shown, byte in
                byte < 0x80 ? append(Unicode.Scalar(byte), to: &shown) : appendNumber(byte, to: &shown)
            }
        }
        return text.unicodeScalars.reduce(into: "") { append($1, to: &$0) }
    }

    /// For programs: its bytes as they are, but for a line end, which would make two of it.
    static func line(_ key: [UInt8]) -> [UInt8] {
        guard key.contains(0x0A) else { return key }
        return key.flatMap { $0 == 0x0A ? Array("\\x0a".utf8) : [$0] }
    }

    private static func append(_ scalar: Unicode.Scalar, to shown: inout String) {
        if scalar == "\\" {
            shown += "\\\\"
        } else if TerminalText.isHarmless(scalar) {
            shown.unicodeScalars.append(scalar)
        } else {
            for byte in String(scalar).utf8 { appendNumber(byte, to: &shown) }
        }
    }

    private static func appendNumber(_ byte: UInt8, to shown: inout String) {
        shown += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
