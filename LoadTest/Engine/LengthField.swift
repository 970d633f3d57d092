/// A number of one to six digits at the beginning of eight bytes, and the byte that ends it: read at once, without a
/// loop and with no branch that depends on how many digits there are.
package struct LengthField: BitwiseCopyable {
    /// 0: the bytes are something else.
    package let digits: Int
    package let value: Int

    /// `word`: the first byte lowest.
    @inline(__always)
    package init(_ word: UInt64, endedBy end: UInt8) {
        let difference = word ^ (0x0101_0101_0101_0101 &* UInt64(end))
        let ends = (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
        let digits = ends.trailingZeroBitCount &>> 3
        guard digits &- 1 < 6, digits > 0 else {
            (self.digits, value) = (0, 0)
            return
        }
        // The last digit into the highest byte; what is below the first one becomes zeros.
        let unused = UInt64(truncatingIfNeeded: 64 &- 8 &* digits)
        let lanes = (word &- 0x3030_3030_3030_3030 &>> unused) &<< unused
        guard ((lanes &+ 0x7676_7676_7676_7676) | lanes) & 0x8080_8080_8080_8080 == 0 else {
            (self.digits, value) = (0, 0)
            return
        }
        let twos = (lanes &* 10) &+ (lanes &>> 8)
        let sum =
            (twos & 0x0000_00ff_0000_00ff) &* 0x000f_4240_0000_0064
            &+ (twos &>> 16 & 0x0000_00ff_0000_00ff) &* 0x0000_2710_0000_0001
        self.digits = digits
        value = Int(truncatingIfNeeded: sum &>> 32)
    }
}
