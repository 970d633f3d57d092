import LoadWorkload
import Testing

@Suite("Key spaces")
struct KeySpaceTests {
    @Test("A key is its prefix and its number, padded with zeros to the length")
    func padded() throws {
        let users = try KeySpace(prefix: "user:", length: .fixed(17))

        #expect(text(12345, in: users) == "user:000000012345")
        #expect(text(0, in: .plain) == "00000000000000000000")
        #expect(text(99_999_999, in: .plain) == "00000000000099999999")
        #expect(text(100_000_000, in: .plain) == "00000000000100000000")
    }

    @Test(
        "Lengths from 1 to 250 bytes are kept, and numbers that do not fit make the key longer",
        arguments: [1, 2, 7, 8, 9, 12, 15, 16, 17, 20, 24, 25, 31, 64, 249, 250])
    func lengths(length: Int) throws {
        let space = try KeySpace(length: .fixed(length))

        for number: UInt64 in [0, 7, 12, 9_999_999, 12_345_678, 123_456_789, 281_474_976_710_655] {
            let digits = "\(number)"
            let padding = String(repeating: "0", count: max(0, length - digits.count))
            #expect(text(number, in: space) == padding + digits)
        }
    }

    @Test("A prefix of every length up to 32 bytes is written whole", arguments: [1, 7, 8, 9, 16, 31, 32])
    func prefixes(count: Int) throws {
        let prefix = String("abcdefghijklmnopqrstuvwxyzABCDEF".prefix(count))

        #expect(text(42, in: try KeySpace(prefix: prefix, length: .fixed(40))).hasPrefix(prefix + "0"))
        #expect(text(42, in: try KeySpace(prefix: prefix, length: .fixed(1))) == prefix + "42")
    }

    @Test("Keys of random lengths differ, stay within the range and use all of it evenly")
    func ranges() throws {
        let space = try KeySpace(length: .range(10, 40))

        let keys = (0..<31_000).map { text($0, in: space) }

        #expect(Set(keys).count == keys.count)
        let counts = histogram(keys.map { UInt64($0.utf8.count - 10) }, below: 31)
        #expect(surprise(counts, [Double](repeating: 1000, count: 31)) < 4)
    }

    @Test("Facebook's key lengths have the mean that the distribution has")
    func facebookLengths() {
        let lengths = (0..<100_000).map { Double(text($0, in: .etc).utf8.count) }

        // location + scale * (gamma(1 - shape) - 1) / shape = 30.7984 + 8.20449 * 0.6592
        let mean = lengths.reduce(0, +) / Double(lengths.count)
        #expect(abs(mean - 36.2) < 0.15)
        #expect(lengths.allSatisfy { $0 >= 1 && $0 <= 250 })
    }

    @Test("A counter's key is another than that of the item with the same number")
    func counters() throws {
        let space = try KeySpace(prefix: "a", length: .fixed(10))

        #expect(text(5 | KeySpace.counterBit, in: space) == "#a00000005")
        #expect(text(5, in: space) == "a000000005")
    }

    @Test("A key space that the protocol forbids is refused with a sentence")
    func refusals() {
        #expect(throws: WorkloadError("key prefix 'a b' has a space or a control character, which no key may have")) {
            try KeySpace(prefix: "a b")
        }
        #expect(throws: WorkloadError.self) { try KeySpace(prefix: String(repeating: "x", count: 33)) }
    }
}
