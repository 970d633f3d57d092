import LoadWorkload
import Testing

/// Every kind of damage is done to values of many sizes, and must be found.
@Suite("Values that check themselves")
struct ValueStampTests {
    private func value(_ count: Int, key: UInt64, version: UInt32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xee, count: count + 1)
        bytes.withUnsafeMutableBytes {
            ValueStamp.write(at: $0.baseAddress!, count: count, key: key, version: version)
        }
        #expect(bytes.last == 0xee, "a byte behind the value was written")
        return Array(bytes.dropLast())
    }

    private func verify(_ bytes: [UInt8], key: UInt64) -> ValueFinding {
        // One more, so that there is an address even without bytes.
        (bytes + [0]).withUnsafeBytes { ValueStamp.verify($0.baseAddress!, count: bytes.count, key: key) }
    }

    private func isGood(_ finding: ValueFinding) -> Bool {
        if case .good = finding { true } else { false }
    }

    static let sizes = Array(0...70) + [100, 1000, 1001, 4096, 10_240, 65_537]
    static let longSizes = sizes.filter { $0 >= ValueStamp.longBytesMin }

    @Test("What was written is found again, with as much of the version as fits", arguments: sizes)
    func good(count: Int) {
        for (key, version) in [(UInt64(0), UInt32(1)), (123_456_789, 70_000), (1 << 47, .max), (7, 0)] {
            let bits = ValueStamp.versionBits(count: count)
            let held = bits == 32 ? version : version & ((1 << UInt32(bits)) - 1)

            #expect(
                verify(value(count, key: key, version: version), key: key) == .good(version: held, versionBits: bits))
        }
    }

    @Test("A value of another key is foreign, and says whose it is", arguments: longSizes)
    func foreign(count: Int) {
        #expect(verify(value(count, key: 77, version: 3), key: 78) == .foreign(key: 77))
        let counter = 5 | KeySpace.counterBit
        #expect(verify(value(count, key: counter, version: 3), key: 5) == .foreign(key: counter))
    }

    @Test(
        "A small value of another key is found as often as its tag promises",
        arguments: [(1, 6), (2, 12), (3, 16), (4, 24), (5, 28), (8, 48), (20, 48)])
    func smallForeign(count: Int, tagBits: Int) {
        let undetected = (0..<20_000).filter { isGood(verify(value(count, key: UInt64($0), version: 3), key: 99_999)) }

        // Chance lets 20,000 / 2^bits through, 312 of one byte, 5 of two.
        let expected = 20_000 / Double(1 << tagBits)
        #expect(Double(undetected.count) < expected + 5 * expected.squareRoot() + 2)
    }

    @Test(
        "The front of one version and the back of another are torn, wherever they meet",
        arguments: [24, 25, 31, 32, 100, 1000])
    func torn(count: Int) {
        let old = value(count, key: 5, version: 8)
        let new = value(count, key: 5, version: 9)

        for seam in 1..<count {
            let mixed = Array(new[..<seam] + old[seam...])
            // A seam within bytes that are the same in both leaves one of the two whole.
            guard mixed != old, mixed != new else { continue }
            let finding = verify(mixed, key: 5)
            guard case .torn(let offset) = finding else {
                Issue.record("a seam at \(seam) of \(count) was found \(finding)")
                continue
            }
            #expect(offset == 0 || Int(offset) >= seam)
        }
    }

    @Test("Halves of two keys' values are torn")
    func tornBetweenKeys() {
        let mixed = Array(value(1000, key: 5, version: 8)[..<500] + value(1000, key: 6, version: 8)[500...])

        #expect(verify(mixed, key: 5) == .torn(offset: 500))
    }

    @Test("Every flipped bit is found", arguments: [8, 12, 23, 24, 25, 33, 64, 100])
    func flippedBits(count: Int) {
        let sound = value(count, key: 5, version: 8)

        for bit in 0..<(8 * count) {
            var damaged = sound
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!isGood(verify(damaged, key: 5)), "bit \(bit) of \(count) bytes")
        }
    }

    @Test(
        "A value that is too short or too long says how long it was",
        arguments: [(24, 25), (100, 60), (100, 24), (100, 101), (1000, 999)])
    func otherLengths(written: Int, found: Int) {
        let bytes = Array((value(written, key: 5, version: 8) + [UInt8](repeating: 0, count: 100))[..<found])

        #expect(verify(bytes, key: 5) == .length(written: UInt32(written)))
    }

    @Test("A value cut below its header is found", arguments: 3...23)
    func cutShort(found: Int) {
        var undetected = 0
        for key in 0..<UInt64(500) where isGood(verify(Array(value(100, key: key, version: 8)[..<found]), key: key)) {
            undetected += 1
        }

        #expect(undetected == 0)
    }

    @Test("A small value of another length is found", arguments: 4...22)
    func smallOtherLength(count: Int) {
        let longer = value(count + 1, key: 5, version: 8)

        #expect(!isGood(verify(Array(longer.dropLast()), key: 5)))
        #expect(!isGood(verify(longer + [0], key: 5)))
    }

    @Test("Zeros, letters and the reply's own line are no values", arguments: [2, 5, 8, 20, 24, 100, 1000])
    func strangers(count: Int) {
        let line = Array("VALUE 00000000000000000005 0 100\r\n".utf8)

        #expect(!isGood(verify([UInt8](repeating: 0, count: count), key: 5)))
        #expect(!isGood(verify([UInt8](repeating: 0x61, count: count), key: 5)))
        #expect(!isGood(verify((0..<count).map { line[$0 % line.count] }, key: 5)))
    }

    @Test("Bytes moved by one, by a word or by a line are found")
    func moved() {
        let sound = value(1000, key: 5, version: 8)

        for distance in [1, 8, 64] {
            let body = Array(sound[24...])
            let moved = Array(sound[..<24] + body[distance...] + body[..<distance])
            #expect(!isGood(verify(moved, key: 5)))
        }
    }
}
