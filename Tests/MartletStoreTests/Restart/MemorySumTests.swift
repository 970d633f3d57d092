import MartletStore
import StoreTesting
import Testing

@Suite("Sums of memory")
struct MemorySumTests {
    private let sum = MemorySum(secret: (0x1234_5678_9abc_def1, 0xfedc_ba98_7654_3217))

    private func sum(_ bytes: [UInt8], seed: UInt64 = 1) -> UInt64 {
        bytes.withUnsafeBytes { sum($0.baseAddress ?? UnsafeRawPointer(bitPattern: 8)!, bytes.count, seed: seed) }
    }

    @Test func `every bit of every length counts`() {
        var random = SplitMix(seed: 1)
        for count in Array(0...130) + [1000, 4096, 65_536] {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let whole = sum(bytes)
            for _ in 0..<min(200, count * 8) {
                var other = bytes
                other[random.below(count)] ^= 1 << UInt8(random.below(8))
                #expect(sum(other) != whole)
            }
        }
    }

    @Test func `length, seed, secret and the places of words count`() {
        let zeroes = [UInt8](repeating: 0, count: 256)
        let sums = (0...256).map { sum(Array(zeroes[..<$0])) }
        #expect(Set(sums).count == sums.count)
        #expect(sum(zeroes, seed: 1) != sum(zeroes, seed: 2))
        let other = MemorySum(secret: (1, 2))
        #expect(zeroes.withUnsafeBytes { other($0.baseAddress!, 256, seed: 1) } != sum(zeroes))

        let words = (0..<256).map { UInt8($0) }
        for left in 0..<16 {
            for right in left + 1..<16 {
                var swapped = words
                for byte in 0..<16 { swapped.swapAt(left * 16 + byte, right * 16 + byte) }
                #expect(sum(swapped) != sum(words))
            }
        }
    }
}
