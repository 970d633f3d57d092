import MartletStore
import StoreTesting
import Testing

@Suite("Counters")
struct DecimalDigitsTests {
    private func text(_ digits: DecimalDigits) -> String {
        var digits = digits
        return digits.withBytes { String(decoding: $0, as: UTF8.self) }
    }

    @Test("numbers of every length are written as text")
    func everyLength() {
        var numbers: [UInt64] = [0, 9, .max, .max - 1, UInt64(Int64.max)]
        var power: UInt64 = 1
        while true {
            numbers += [power - 1, power, power + 1]
            let (next, overflowed) = power.multipliedReportingOverflow(by: 10)
            if overflowed { break }
            power = next
        }
        for number in numbers {
            #expect(text(DecimalDigits(number)) == "\(number)")
            #expect(DecimalDigits(number).count == "\(number)".count)
        }
    }

    @Test("and padded with blanks, never cut")
    func padding() {
        for length in 0...24 {
            var digits = DecimalDigits(1234)
            digits.pad(to: length)
            #expect(text(digits) == "1234" + String(repeating: " ", count: max(0, length - 4)))
        }
    }

    @Test(
        "only digits with blanks behind are numbers",
        arguments: [
            ("", nil), ("0", 0), ("00012", 12), ("7  ", 7), (" 7", nil), ("7 8", nil), ("-1", nil), ("1x", nil),
            ("x", nil),
            ("18446744073709551615", .max), ("18446744073709551616", nil), ("99999999999999999999", nil),
            ("184467440737095516150", nil), ("00000000000000000001", 1), ("000000000000000000001", nil), ("1\0", nil),
            ("   ", nil),
        ] as [(String, UInt64?)])
    func parsing(_ text: String, _ number: UInt64?) throws {
        let fixture = try StoreFixture()
        _ = fixture.store("k", text)

        let outcome = fixture.add("k", 0)

        #expect(outcome.result == (number == nil ? .nonNumeric : .changed))
        if let number { #expect(outcome.value == number) }
        #expect(fixture.text("k")?.count == text.count, "adding nought changes no length")
        fixture.store._checkInvariants()
    }

    @Test("every length grows into the next, in place or not, with a new token each time")
    func growing() throws {
        let fixture = try StoreFixture()
        var expected: UInt64 = 1
        var token = fixture.store("k", "1", StoreRequest(mode: .set, clientFlags: 5)).token
        while expected < .max / 10 {
            let outcome = fixture.add("k", expected * 9)
            expected *= 10
            #expect(outcome.result == .changed && outcome.value == expected)
            #expect(outcome.token > token)
            token = outcome.token
            #expect(fixture.text("k") == "\(expected)")
            #expect(fixture.token("k") == token)
            #expect(fixture.hold("k") { $0.clientFlags } == 5)
            fixture.store._checkInvariants()
        }
    }
}
