import Glibc

/// Numbers as decimal digits, eight at a time.
public enum Decimal {
    /// Writes `number` with at least `digitsMin` digits, zeros in front, and returns how many digits were written.
    /// May scribble on up to 24 bytes behind `address`, whatever it returns.
    @inline(__always)
    static func write(_ number: UInt64, at address: UnsafeMutableRawPointer, digitsMin: Int) -> Int {
        if number < 100_000_000, digitsMin >= 8 {
            if digitsMin <= 24 {
                // Sixteen zeros in any case: cheaper than a loop of the right length.
                address.storeBytes(of: zeros, as: UInt64.self)
                (address + 8).storeBytes(of: zeros, as: UInt64.self)
            } else {
                memset(address, 0x30, digitsMin &- 8)
            }
            (address + (digitsMin &- 8)).storeBytes(of: eightDigits(number), as: UInt64.self)
            return digitsMin
        }
        return writeAnyLength(number, at: address, digitsMin: digitsMin)
    }

    private static let zeros: UInt64 = 0x3030_3030_3030_3030

    @inline(never)
    private static func writeAnyLength(_ number: UInt64, at address: UnsafeMutableRawPointer, digitsMin: Int) -> Int {
        let count = max(digitsMin, digits(in: number))
        var left = number
        var end = count
        while end > 0 {
            let low = eightDigits(left % 100_000_000)
            left /= 100_000_000
            if end >= 8 {
                (address + (end &- 8)).storeBytes(of: low, as: UInt64.self)
            } else {
                // The upper digits, which are zeros or the number's last ones, in the lower bytes first.
                var rest = low &>> UInt64(8 &* (8 &- end))
                for index in 0..<end {
                    (address + index).storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
                    rest &>>= 8
                }
            }
            end &-= 8
        }
        return count
    }

    static func digits(in number: UInt64) -> Int {
        var count = 1
        var left = number / 10
        while left > 0 {
            count &+= 1
            left /= 10
        }
        return count
    }

    /// The eight digits of a number below 10^8 as bytes, the first digit lowest: four, then two, then one digit to a
    /// lane.
    @inlinable
    @inline(__always)
    public static func eightDigits(_ number: UInt64) -> UInt64 {
        let fours = number / 10_000 | (number % 10_000) &<< 32
        let upperTwos = (fours &* 10_486) &>> 20 & 0x0000_007f_0000_007f
        let twos = upperTwos | (fours &- 100 &* upperTwos) &<< 16
        let upperOnes = (twos &* 103) &>> 10 & 0x000f_000f_000f_000f
        return (upperOnes | (twos &- 10 &* upperOnes) &<< 8) | 0x3030_3030_3030_3030
    }
}
