import MartletStore
import StoreTesting
import Testing

@Suite("The keyed hash")
struct KeyHashTests {
    private let hash = KeyHash(secret: StoreFixture.secret)

    private func hash(_ key: [UInt8]) -> UInt64 {
        key.withUnsafeBytes { hash($0.baseAddress!, $0.count) }
    }

    @Test("gives the values of an independent calculation")
    func referenceValues() {
        let expected: [(String, UInt64)] = [
            ("a", 0x92c5_c3cc_a0ab_29e5), ("ab", 0x603f_472e_1be6_a361), ("abc", 0x789f_a955_2f19_465b),
            ("abcd", 0xb778_cbb6_5b2b_a7b2), ("abcdefg", 0x8939_98a6_a2c3_8baa), ("abcdefgh", 0xaead_a299_39e3_fcf5),
            ("0123456789abcdef", 0xce2f_5a15_e566_e2d4), ("0123456789abcdefg", 0xfb6b_2c74_cf15_0516),
            (String(repeating: "x", count: 32), 0x04e3_dfd0_07bd_96d9),
            (String(repeating: "x", count: 33), 0x716b_1f3b_dba4_352e),
        ]

        for (key, value) in expected { #expect(hash(Array(key.utf8)) == value, "\(key)") }
        #expect(hash(Array(0..<250)) == 0xc17b_e1fa_78f8_af9a)
    }

    @Test("tells keys of every length apart, and depends on every byte and on the secret")
    func everyLength() {
        let other = KeyHash(secret: (1, 2))
        var seen = Set<UInt64>()
        for length in 1...250 {
            var key = [UInt8](repeating: 0x61, count: length)
            #expect(seen.insert(hash(key)).inserted)
            #expect(key.withUnsafeBytes { other($0.baseAddress!, length) } != hash(key))
            for index in 0..<length {
                key[index] ^= 1
                #expect(seen.insert(hash(key)).inserted, "byte \(index) of \(length)")
                key[index] ^= 1
            }
        }
    }

    @Test("reads nothing behind the key")
    func exactLength() {
        var bytes = [UInt8](repeating: 0x62, count: 300)
        for length in 1...250 {
            let before = bytes.withUnsafeBytes { hash($0.baseAddress! + 7, length) }
            bytes[7 + length] = 0x63
            bytes[6] = 0x63
            #expect(bytes.withUnsafeBytes { hash($0.baseAddress! + 7, length) } == before)
            bytes[7 + length] = 0x62
        }
    }

    @Test("spreads numbered keys evenly over stripes, buckets and tags", arguments: [0, 20, 48])
    func distribution(_ shift: UInt64) {
        var counts = [Int](repeating: 0, count: 1024)
        let keyCount = 102_400
        for number in 0..<keyCount {
            counts[Int(hash(Array("user:\(number)".utf8)) >> shift & 1023)] += 1
        }

        // Chi square with 1023 degrees of freedom: 1023 +- 6 standard deviations of 45.
        let expected = Double(keyCount) / 1024
        let chiSquare = counts.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
        #expect(chiSquare > 750 && chiSquare < 1300)
    }

    /// Whoever knows the secret can make as many keys as they want with one hash: a word equal to half of it makes a
    /// product nought. Of a hash whose collisions do not depend on its seed, such keys would be as bad for everybody.
    @Test("keys crafted to collide under one secret do not under another")
    func craftedCollisions() {
        let keys = (0..<8192).map { number in
            (0..<4).flatMap { _ in StoreFixture.collidingKey(0).prefix(8) + Array(repeating: 0x61, count: 8) }
                + StoreFixture.collidingKey(number)
        }
        #expect(Set(keys.map { hash($0) }).count == 1)

        var random = SplitMix(seed: 11)
        for _ in 0..<5 {
            let other = KeyHash(secret: (random.next(), random.next()))
            let hashes = keys.map { key in key.withUnsafeBytes { other($0.baseAddress!, $0.count) } }
            #expect(Set(hashes).count == keys.count)
            // 8 keys a stripe on average; 40 in one would be more than chance ever brings.
            let stripes = Dictionary(grouping: hashes) { $0 & 1023 }
            #expect(stripes.values.allSatisfy { $0.count < 40 })
        }
    }

    @Test("a flipped bit of the key flips about half of the hash")
    func avalanche() {
        var random = SplitMix(seed: 5)
        for length in [1, 3, 5, 8, 13, 16, 24, 40, 100] {
            var flipped = 0
            let rounds = 200
            for _ in 0..<rounds {
                var key = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                let before = hash(key)
                key[random.below(length)] ^= 1 << UInt8(random.below(8))
                flipped += (hash(key) ^ before).nonzeroBitCount
            }
            let mean = Double(flipped) / Double(rounds)
            #expect(mean > 30 && mean < 34, "length \(length): \(mean)")
        }
    }
}
