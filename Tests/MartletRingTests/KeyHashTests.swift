import MartletRing
import Testing

@Suite("Key hashes")
struct KeyHashTests {
    static let recorded: [KeyHash] = [
        .md5, .crc, .fnv1Wide, .fnv1aWide, .fnv1, .fnv1a, .oneAtATime, .murmur, .murmur3, .jenkins,
    ]

    @Test("libmemcached's hashes of 64 keys", arguments: recorded)
    func ascii(hash: KeyHash) throws {
        let expected = Vectors.numbers(try #require(Vectors.rows("hashes.txt")[hash.rawValue]))

        #expect(Vectors.keys.prefix(64).map { hash.hash($0.span) } == expected)
    }

    @Test("Bytes from 0x80 on are negative, as in libmemcached on x86-64", arguments: recorded)
    func signed(hash: KeyHash) throws {
        let rows = Vectors.rows("signed.txt")
        let keys = try #require(rows["keys"]).split(separator: " ").map(bytes)

        // libhashkit's CRC is the whole remainder's upper half, like libmemcached's.
        #expect(keys.map { hash.hash($0.span) } == Vectors.numbers(try #require(rows[hash.rawValue])))
    }

    @Test("Digests of RFC 1321")
    func md5() {
        #expect(MD5("").hexadecimal == "d41d8cd98f00b204e9800998ecf8427e")
        #expect(MD5("a").hexadecimal == "0cc175b9c0f1b6a831c399e269772661")
        #expect(MD5("message digest").hexadecimal == "f96b697d7cb7938d525a2f31aaf161d0")
        let digits = String(repeating: "1234567890", count: 8)
        #expect(MD5(digits).hexadecimal == "57edf4a22be3c955ac49da2e2107b67a")
    }

    @Test("Digests at every length around the end of a piece")
    func lengths() {
        // MD5 of the digests of 0...129 times "x", one behind the other; by another implementation.
        let all = (0..<130).map { MD5(String(repeating: "x", count: $0)).hexadecimal }.joined()

        #expect(MD5(all).hexadecimal == "6638bf0c12c07cffaf1d9ecd65b95eeb")
    }

    @Test("CRC-32 and XXH64 of known texts")
    func others() {
        #expect(KeyHash.crc32.hash("123456789") == 0xCBF4_3926)
        let texts: [(String, UInt64)] = [
            ("", 0xEF46_DB37_51D8_E999),
            ("a", 0xD24E_C4F1_A98C_6E5B),
            ("abc", 0x44BC_2CF5_AD77_0999),
            ("user:0", 0x70E4_B6E4_4E5F_A291),
            ("abcdefgh", 0x3AD3_5177_5B46_34B7),
            ("abcdefghijklmnopqrstuvwxyz012345", 0xBF2C_D639_B414_3B80),
            ("abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789!", 0x53D5_D02B_0A3D_A2B9),
        ]
        for (text, expected) in texts { #expect(KeyHash.xxh64.wideHash(Array(text.utf8).span) == expected, "\(text)") }
    }

    private func bytes(_ hexadecimal: Substring) -> [UInt8] {
        let digits = Array(hexadecimal)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...($0 + 1)]), radix: 16)! }
    }
}
