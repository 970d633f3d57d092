/// MD5 (RFC 1321), because the rings of other clients are made of it. It protects nothing and is used for nothing else.
///
/// The message is cut into pieces of 64 bytes, the last of which carries a one bit and the message's length; four words
/// of state go through 64 steps for each piece, 16 of each of four kinds. Nothing is allocated.
public struct MD5: Equatable, Sendable {
    /// The digest as four words: the bytes 0-3, 4-7, 8-11 and 12-15, each little-endian, as rings use them.
    public private(set) var words: (UInt32, UInt32, UInt32, UInt32) = (
        0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476
    )

    /// Digests `message`.
    public init(_ message: Span<UInt8>) {
        let count = message.count
        var start = 0
        while start &+ 64 <= count {
            var piece = InlineArray<16, UInt32>(repeating: 0)
            for index in 0..<16 { piece[index] = message.word32(at: start &+ index &* 4) }
            digest(piece)
            start &+= 64
        }
        finish(message, from: start)
    }

    /// Digests the UTF-8 bytes of `text`.
    public init(_ text: String) {
        self.init(text.utf8.span)
    }

    /// The digest in hexadecimal, lower case.
    public var hexadecimal: String {
        var text = ""
        for word in [words.0, words.1, words.2, words.3] {
            for shift in stride(from: 0, to: 32, by: 8) {
                let byte = UInt8(truncatingIfNeeded: word &>> UInt32(shift))
                text += byte < 16 ? "0" : ""
                text += String(byte, radix: 16)
            }
        }
        return text
    }

    /// The same digest.
    public static func == (one: MD5, other: MD5) -> Bool { one.words == other.words }

    // MARK: Pieces

    /// The rest of the message, a one bit, zeros, and the length in bits: one piece, or two.
    private mutating func finish(_ message: Span<UInt8>, from start: Int) {
        let count = message.count
        var piece = InlineArray<16, UInt32>(repeating: 0)
        var position = start
        while position < count {
            let place = position &- start
            piece[place &>> 2] |= UInt32(message[position]) &<< UInt32((place & 3) &* 8)
            position &+= 1
        }
        let place = position &- start
        piece[place &>> 2] |= 0x80 &<< UInt32((place & 3) &* 8)
        if place >= 56 {
            digest(piece)
            piece = InlineArray<16, UInt32>(repeating: 0)
        }
        let bits = UInt64(truncatingIfNeeded: count) &<< 3
        piece[14] = UInt32(truncatingIfNeeded: bits)
        piece[15] = UInt32(truncatingIfNeeded: bits &>> 32)
        digest(piece)
    }

    private mutating func digest(_ piece: borrowing InlineArray<16, UInt32>) {
        var (a, b, c, d) = words
        Self.first(&a, &b, &c, &d, piece)
        Self.second(&a, &b, &c, &d, piece)
        Self.third(&a, &b, &c, &d, piece)
        Self.fourth(&a, &b, &c, &d, piece)
        words.0 &+= a
        words.1 &+= b
        words.2 &+= c
        words.3 &+= d
    }

    // MARK: Steps

    private static func step(
        _ a: inout UInt32, _ b: UInt32, _ mixed: UInt32, _ word: UInt32, _ constant: UInt32, _ turn: UInt32
    ) {
        let sum = a &+ mixed &+ word &+ constant
        a = (sum &<< turn | sum &>> (32 &- turn)) &+ b
    }

    private static func choose(_ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 { d ^ (b & (c ^ d)) }
    private static func chooseBack(_ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 { c ^ (d & (b ^ c)) }
    private static func parity(_ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 { b ^ c ^ d }
    private static func blend(_ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 { c ^ (b | ~d) }

    private static func first(
        _ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32, _ d: inout UInt32,
        _ words: borrowing InlineArray<16, UInt32>
    ) {
        step(&a, b, choose(b, c, d), words[0], 0xD76A_A478, 7)
        step(&d, a, choose(a, b, c), words[1], 0xE8C7_B756, 12)
        step(&c, d, choose(d, a, b), words[2], 0x2420_70DB, 17)
        step(&b, c, choose(c, d, a), words[3], 0xC1BD_CEEE, 22)
        step(&a, b, choose(b, c, d), words[4], 0xF57C_0FAF, 7)
        step(&d, a, choose(a, b, c), words[5], 0x4787_C62A, 12)
        step(&c, d, choose(d, a, b), words[6], 0xA830_4613, 17)
        step(&b, c, choose(c, d, a), words[7], 0xFD46_9501, 22)
        step(&a, b, choose(b, c, d), words[8], 0x6980_98D8, 7)
        step(&d, a, choose(a, b, c), words[9], 0x8B44_F7AF, 12)
        step(&c, d, choose(d, a, b), words[10], 0xFFFF_5BB1, 17)
        step(&b, c, choose(c, d, a), words[11], 0x895C_D7BE, 22)
        step(&a, b, choose(b, c, d), words[12], 0x6B90_1122, 7)
        step(&d, a, choose(a, b, c), words[13], 0xFD98_7193, 12)
        step(&c, d, choose(d, a, b), words[14], 0xA679_438E, 17)
        step(&b, c, choose(c, d, a), words[15], 0x49B4_0821, 22)
    }

    private static func second(
        _ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32, _ d: inout UInt32,
        _ words: borrowing InlineArray<16, UInt32>
    ) {
        step(&a, b, chooseBack(b, c, d), words[1], 0xF61E_2562, 5)
        step(&d, a, chooseBack(a, b, c), words[6], 0xC040_B340, 9)
        step(&c, d, chooseBack(d, a, b), words[11], 0x265E_5A51, 14)
        step(&b, c, chooseBack(c, d, a), words[0], 0xE9B6_C7AA, 20)
        step(&a, b, chooseBack(b, c, d), words[5], 0xD62F_105D, 5)
        step(&d, a, chooseBack(a, b, c), words[10], 0x0244_1453, 9)
        step(&c, d, chooseBack(d, a, b), words[15], 0xD8A1_E681, 14)
        step(&b, c, chooseBack(c, d, a), words[4], 0xE7D3_FBC8, 20)
        step(&a, b, chooseBack(b, c, d), words[9], 0x21E1_CDE6, 5)
        step(&d, a, chooseBack(a, b, c), words[14], 0xC337_07D6, 9)
        step(&c, d, chooseBack(d, a, b), words[3], 0xF4D5_0D87, 14)
        step(&b, c, chooseBack(c, d, a), words[8], 0x455A_14ED, 20)
        step(&a, b, chooseBack(b, c, d), words[13], 0xA9E3_E905, 5)
        step(&d, a, chooseBack(a, b, c), words[2], 0xFCEF_A3F8, 9)
        step(&c, d, chooseBack(d, a, b), words[7], 0x676F_02D9, 14)
        step(&b, c, chooseBack(c, d, a), words[12], 0x8D2A_4C8A, 20)
    }

    private static func third(
        _ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32, _ d: inout UInt32,
        _ words: borrowing InlineArray<16, UInt32>
    ) {
        step(&a, b, parity(b, c, d), words[5], 0xFFFA_3942, 4)
        step(&d, a, parity(a, b, c), words[8], 0x8771_F681, 11)
        step(&c, d, parity(d, a, b), words[11], 0x6D9D_6122, 16)
        step(&b, c, parity(c, d, a), words[14], 0xFDE5_380C, 23)
        step(&a, b, parity(b, c, d), words[1], 0xA4BE_EA44, 4)
        step(&d, a, parity(a, b, c), words[4], 0x4BDE_CFA9, 11)
        step(&c, d, parity(d, a, b), words[7], 0xF6BB_4B60, 16)
        step(&b, c, parity(c, d, a), words[10], 0xBEBF_BC70, 23)
        step(&a, b, parity(b, c, d), words[13], 0x289B_7EC6, 4)
        step(&d, a, parity(a, b, c), words[0], 0xEAA1_27FA, 11)
        step(&c, d, parity(d, a, b), words[3], 0xD4EF_3085, 16)
        step(&b, c, parity(c, d, a), words[6], 0x0488_1D05, 23)
        step(&a, b, parity(b, c, d), words[9], 0xD9D4_D039, 4)
        step(&d, a, parity(a, b, c), words[12], 0xE6DB_99E5, 11)
        step(&c, d, parity(d, a, b), words[15], 0x1FA2_7CF8, 16)
        step(&b, c, parity(c, d, a), words[2], 0xC4AC_5665, 23)
    }

    private static func fourth(
        _ a: inout UInt32, _ b: inout UInt32, _ c: inout UInt32, _ d: inout UInt32,
        _ words: borrowing InlineArray<16, UInt32>
    ) {
        step(&a, b, blend(b, c, d), words[0], 0xF429_2244, 6)
        step(&d, a, blend(a, b, c), words[7], 0x432A_FF97, 10)
        step(&c, d, blend(d, a, b), words[14], 0xAB94_23A7, 15)
        step(&b, c, blend(c, d, a), words[5], 0xFC93_A039, 21)
        step(&a, b, blend(b, c, d), words[12], 0x655B_59C3, 6)
        step(&d, a, blend(a, b, c), words[3], 0x8F0C_CC92, 10)
        step(&c, d, blend(d, a, b), words[10], 0xFFEF_F47D, 15)
        step(&b, c, blend(c, d, a), words[1], 0x8584_5DD1, 21)
        step(&a, b, blend(b, c, d), words[8], 0x6FA8_7E4F, 6)
        step(&d, a, blend(a, b, c), words[15], 0xFE2C_E6E0, 10)
        step(&c, d, blend(d, a, b), words[6], 0xA301_4314, 15)
        step(&b, c, blend(c, d, a), words[13], 0x4E08_11A1, 21)
        step(&a, b, blend(b, c, d), words[4], 0xF753_7E82, 6)
        step(&d, a, blend(a, b, c), words[11], 0xBD3A_F235, 10)
        step(&c, d, blend(d, a, b), words[2], 0x2AD7_D2BB, 15)
        step(&b, c, blend(c, d, a), words[9], 0xEB86_D391, 21)
    }
}
