/// SHA-256 (FIPS 180-4), for both sides: the server's passwords are hashed and compared by it, the client shortens keys
/// with it that are too long for the wire. Neither has another library at hand that knows it.
package enum SHA256 {
    package typealias Words = InlineArray<8, UInt32>
    package typealias Chunk = InlineArray<16, UInt32>
    package static let digestBytes = 32
    package static let chunkBytes = 64

    package static let start: Words = [
        0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19,
    ]

    private static let constants: InlineArray<64, UInt32> = [
        0x428A_2F98, 0x7137_4491, 0xB5C0_FBCF, 0xE9B5_DBA5, 0x3956_C25B, 0x59F1_11F1, 0x923F_82A4, 0xAB1C_5ED5,
        0xD807_AA98, 0x1283_5B01, 0x2431_85BE, 0x550C_7DC3, 0x72BE_5D74, 0x80DE_B1FE, 0x9BDC_06A7, 0xC19B_F174,
        0xE49B_69C1, 0xEFBE_4786, 0x0FC1_9DC6, 0x240C_A1CC, 0x2DE9_2C6F, 0x4A74_84AA, 0x5CB0_A9DC, 0x76F9_88DA,
        0x983E_5152, 0xA831_C66D, 0xB003_27C8, 0xBF59_7FC7, 0xC6E0_0BF3, 0xD5A7_9147, 0x06CA_6351, 0x1429_2967,
        0x27B7_0A85, 0x2E1B_2138, 0x4D2C_6DFC, 0x5338_0D13, 0x650A_7354, 0x766A_0ABB, 0x81C2_C92E, 0x9272_2C85,
        0xA2BF_E8A1, 0xA81A_664B, 0xC24B_8B70, 0xC76C_51A3, 0xD192_E819, 0xD699_0624, 0xF40E_3585, 0x106A_A070,
        0x19A4_C116, 0x1E37_6C08, 0x2748_774C, 0x34B0_BCB5, 0x391C_0CB3, 0x4ED8_AA4A, 0x5B9C_CA4F, 0x682E_6FF3,
        0x748F_82EE, 0x78A5_636F, 0x84C8_7814, 0x8CC7_0208, 0x90BE_FFFA, 0xA450_6CEB, 0xBEF9_A3F7, 0xC671_78F2,
    ]

    /// Takes one chunk of a message into `state`.
    package static func compress(_ chunk: Chunk, into state: inout Words) {
        var words = chunk
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for round in 0..<64 {
            let place = round & 15
            if round >= 16 {
                let early = words[(round &+ 1) & 15]
                let late = words[(round &+ 14) & 15]
                let earlyMix = rotated(early, 7) ^ rotated(early, 18) ^ early &>> 3
                let lateMix = rotated(late, 17) ^ rotated(late, 19) ^ late &>> 10
                words[place] = words[place] &+ earlyMix &+ words[(round &+ 9) & 15] &+ lateMix
            }
            let choice = (e & f) ^ (~e & g)
            let upper = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
            let first = h &+ upper &+ choice &+ constants[round] &+ words[place]
            let majority = (a & b) ^ (a & c) ^ (b & c)
            let second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) &+ majority
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
        state[4] &+= e
        state[5] &+= f
        state[6] &+= g
        state[7] &+= h
    }

    @inline(__always)
    private static func rotated(_ word: UInt32, _ places: UInt32) -> UInt32 {
        word &>> places | word &<< (32 &- places)
    }

    /// Hashes `message`, of which `state` has already taken `bytesBefore`, a whole number of chunks.
    package static func digest(_ message: some Collection<UInt8>, from state: Words = start, bytesBefore: Int = 0)
        -> Words
    {
        var state = state
        var padded = Array(message)
        let bits = UInt64(bytesBefore + padded.count) * 8
        padded.append(0x80)
        while padded.count % chunkBytes != chunkBytes - 8 { padded.append(0) }
        for shift in stride(from: 56, through: 0, by: -8) { padded.append(UInt8(truncatingIfNeeded: bits >> shift)) }
        for offset in stride(from: 0, to: padded.count, by: chunkBytes) {
            compress(Chunk { word(padded, offset + 4 * $0) }, into: &state)
        }
        return state
    }

    private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        UInt32(bytes[offset]) << 24 | UInt32(bytes[offset + 1]) << 16 | UInt32(bytes[offset + 2]) << 8
            | UInt32(bytes[offset + 3])
    }

    /// A chunk of `bytes` with zeros behind them, at most `chunkBytes`.
    package static func chunk(_ bytes: [UInt8]) -> Chunk {
        let padded = bytes + [UInt8](repeating: 0, count: chunkBytes - bytes.count)
        return Chunk { word(padded, 4 * $0) }
    }

    /// A digest as bytes, the first word's highest byte first.
    package static func bytes(_ digest: Words) -> [UInt8] {
        var bytes: [UInt8] = []
        for index in 0..<8 {
            for shift in stride(from: 24, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: digest[index] >> UInt32(shift)))
            }
        }
        return bytes
    }

    /// The digest that `bytes` gives for it; nil for another number of bytes.
    package static func words(_ bytes: [UInt8]) -> Words? {
        bytes.count == digestBytes ? Words { word(bytes, 4 * $0) } : nil
    }

    /// A digest in 64 lower-case hexadecimal digits.
    package static func hexadecimal(_ digest: Words) -> String {
        var text = ""
        for index in 0..<8 {
            for shift in stride(from: UInt32(28), through: 0, by: -4) {
                text += String(digest[index] >> shift & 15, radix: 16)
            }
        }
        return text
    }

    /// Whether two digests are equal, in a time that does not depend on where they differ.
    package static func areEqual(_ one: Words, _ other: Words) -> Bool {
        var difference: UInt32 = 0
        for index in 0..<8 { difference |= one[index] ^ other[index] }
        return difference == 0
    }
}
