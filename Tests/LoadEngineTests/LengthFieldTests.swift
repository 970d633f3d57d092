import LoadEngine
import Testing

@Suite("A length in a reply")
struct LengthFieldTests {
    private static func field(_ text: String, endedBy end: UInt8) -> LengthField {
        var word: UInt64 = 0
        for (index, byte) in text.utf8.prefix(8).enumerated() { word |= UInt64(byte) << UInt64(8 * index) }
        return LengthField(word, endedBy: end)
    }

    @Test("of one to six digits is read, whatever follows it", arguments: [UInt8(ascii: "\r"), UInt8(ascii: " ")])
    func numbers(end: UInt8) {
        for number in Array(0..<2000) + [9999, 10_000, 12_345, 99_999, 100_000, 987_654, 999_999] {
            for rest in ["\n1234567", "\r\r\r\r\r\r\r", "zzzzzzz", " 9 9 9 9"] {
                let text = "\(number)" + String(Unicode.Scalar(end)) + rest
                let field = Self.field(text, endedBy: end)

                #expect(field.digits == "\(number)".utf8.count && field.value == number, "\(number)")
            }
        }
    }

    @Test(
        "is nothing else",
        arguments: [
            "\r", "-1\r", "1a2\r", "12 3\r", "1234567\r", "12345678", "/1\r", ":1\r", "1:\r", "1/\r", "\u{80}\r",
        ])
    func nonsense(text: String) {
        #expect(Self.field(text, endedBy: UInt8(ascii: "\r")).digits == 0)
    }
}
