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

    @Test(
        "numbers are what strtoull reads, with nothing but white space and zero bytes behind",
        arguments: [
            ("", nil), ("0", 0), ("00012", 12), ("7  ", 7), ("7 8", nil), ("-1", nil), ("1x", nil), ("x", nil),
            ("18446744073709551615", .max), ("18446744073709551616", nil), ("99999999999999999999", nil),
            ("184467440737095516150", nil), ("00000000000000000001", 1), ("000000000000000000001", 1),
            (String(repeating: "0", count: 4000) + "8", 8), ("   ", nil), ("\t", nil), ("\0", nil), ("\u{1}", nil),
            (" 7", 7), ("\t\n\u{b}\u{c}\r 7", 7), ("\u{8}7", nil), ("\u{e}7", nil), (" 7x", nil), (" x", nil),
            ("7\n", 7), ("7\r\n", 7), ("7\t\u{b}\u{c} ", 7), ("7\n8", nil), ("7\u{1}", nil), ("7 \u{8}", nil),
            ("7\0", 7), ("7\0\0 ", 7), ("7 \0", 7), ("7\08", nil), ("\07", nil),
            ("5" + String(repeating: " ", count: 3000), 5),
            ("+7", 7), (" +7 ", 7), ("++7", nil), ("+ 7", nil), ("+", nil), ("7+", nil), (" -", nil), ("-0", 0),
            ("-7", nil), ("-9223372036854775808", nil), ("-9223372036854775809", UInt64(Int64.max)),
            ("-18446744073709551615", 1), ("-18446744073709551616", nil), (" 18446744073709551616", nil),
        ] as [(String, UInt64?)])
    func parsing(_ text: String, _ number: UInt64?) throws {
        let fixture = try StoreFixture()
        _ = fixture.store("k", text)

        let outcome = fixture.add("k", 0)

        #expect(outcome.result == (number == nil ? .nonNumeric : .changed))
        if let number { #expect(outcome.value == number) }
        #expect(fixture.value("k")?.count == text.utf8.count, "adding nought changes no length")
        fixture.store._checkInvariants()
    }

    @Test("a counter of any length is written anew with blanks behind", arguments: [1, 20, 21, 24, 25, 40, 4000])
    func rebuilding(_ length: Int) throws {
        let fixture = try StoreFixture()
        _ = fixture.store("k", "9" + String(repeating: "\n", count: length - 1), StoreRequest(mode: .set))

        // There is no room for a token of its own in the item as it is.
        let outcome = fixture.withKey("k") {
            fixture.session.arithmetic($0, ArithmeticRequest(delta: 1, isDecrement: false, explicitToken: 1_000_000))
        }

        #expect(outcome.result == .changed && outcome.value == 10)
        #expect(fixture.text("k") == "10" + String(repeating: " ", count: max(0, length - 2)))
        #expect(fixture.token("k") == 1_000_000)
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
