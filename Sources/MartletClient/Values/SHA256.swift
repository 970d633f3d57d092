/// SHA-256 (FIPS 180-4), which shortens keys that are too long for the protocol. One digest for a whole message.
struct SHA256 {
    private var state: InlineArray<8, UInt32> = [
        0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19,
    ]

    private static let constants: [UInt32] = [
        0x428A_2F98, 0x7137_4491, 0xB5C0_FBCF, 0xE9B5_DBA5, 0x3956_C25B, 0x59F1_11F1, 0x923F_82A4, 0xAB1C_5ED5,
        0xD807_AA98, 0x1283_5B01, 0x2431_85BE, 0x550C_7DC3, 0x72BE_5D74, 0x80DE_B1FE, 0x9BDC_06A7, 0xC19B_F174,
        0xE49B_69C1, 0xEFBE_4786, 0x0FC1_9DC6, 0x240C_A1CC, 0x2DE9_2C6F, 0x4A74_84AA, 0x5CB0_A9DC, 0x76F9_88DA,
        0x983E_5152, 0xA831_C66D, 0xB003_27C8, 0xBF59_7FC7, 0xC6E0_0BF3, 0xD5A7_9147, 0x06CA_6351, 0x1429_2967,
        0x27B7_0A85, 0x2E1B_2138, 0x4D2C_6DFC, 0x5338_0D13, 0x650A_7354, 0x766A_0ABB, 0x81C2_C92E, 0x9272_2C85,
        0xA2BF_E8A1, 0xA81A_664B, 0xC24B_8B70, 0xC76C_51A3, 0xD192_E819, 0xD699_0624, 0xF40E_3585, 0x106A_A070,
        0x19A4_C116, 0x1E37_6C08, 0x2748_774C, 0x34B0_BCB5, 0x391C_0CB3, 0x4ED8_AA4A, 0x5B9C_CA4F, 0x682E_6FF3,
        0x748F_82EE, 0x78A5_636F, 0x84C8_7814, 0x8CC7_0208, 0x90BE_FFFA, 0xA450_6CEB, 0xBEF9_A3F7, 0xC671_78F2,
    ]

    init(_ message: [UInt8]) {
        var padded = message
        padded.append(0x80)
        while padded.count % 64 != 56 { padded.append(0) }
        let bits = UInt64(message.count) &* 8
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            padded.append(UInt8(truncatingIfNeeded: bits &>> shift))
        }
        for start in stride(from: 0, to: padded.count, by: 64) { digest(padded[start..<start + 64]) }
    }

    var hexadecimal: String {
        var text = ""
        for index in 0..<8 {
            for shift in stride(from: UInt32(28), through: 0, by: -4) {
                text += String(state[index] &>> shift & 15, radix: 16)
            }
        }
        return text
    }

    private mutating func digest(_ piece: ArraySlice<UInt8>) {
        var words = [UInt32](repeating: 0, count: 64)
        for (index, byte) in piece.enumerated() { words[index / 4] = words[index / 4] &<< 8 | UInt32(byte) }
        for index in 16..<64 {
            let (near, far) = (words[index - 2], words[index - 15])
            let one = turned(near, 17) ^ turned(near, 19) ^ near &>> 10
            let zero = turned(far, 7) ^ turned(far, 18) ^ far &>> 3
            words[index] = words[index - 16] &+ zero &+ words[index - 7] &+ one
        }
        var rows = state
        for index in 0..<64 {
            let (a, e) = (rows[0], rows[4])
            let choice = e & rows[5] ^ ~e & rows[6]
            let majority = a & rows[1] ^ a & rows[2] ^ rows[1] & rows[2]
            let first =
                rows[7] &+ (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) &+ choice &+ Self.constants[index]
                &+ words[index]
            let second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) &+ majority
            for row in stride(from: 7, to: 0, by: -1) { rows[row] = rows[row - 1] }
            rows[4] = rows[4] &+ first
            rows[0] = first &+ second
        }
        for index in 0..<8 { state[index] = state[index] &+ rows[index] }
    }

    private func turned(_ word: UInt32, _ bits: UInt32) -> UInt32 { word &>> bits | word &<< (32 &- bits) }
}
