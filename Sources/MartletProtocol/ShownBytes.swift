/// Bytes of the wire for people to read: what is not printable ASCII is shown as `\xNN`, so that nothing in them can
/// command a terminal or end a line. What is shown need not tell which bytes they were: `\` stays one.
package enum ShownBytes {
    package static func text(of bytes: some Sequence<UInt8>) -> String {
        bytes.reduce(into: "") { text, byte in
            if (0x20..<0x7F).contains(byte) {
                text.unicodeScalars.append(UnicodeScalar(byte))
            } else {
                text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
    }
}
