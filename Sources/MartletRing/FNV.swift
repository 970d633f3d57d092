/// The functions of Fowler, Noll and Vo as libmemcached computes them: rules 3 and 4 of `KeyHash`.
enum FNV {
    static func hash1(_ key: Span<UInt8>) -> UInt32 {
        var sum: UInt32 = 0x811C_9DC5
        for index in key.indices {
            sum = sum &* 0x0100_0193
            sum ^= key[index].signExtended
        }
        return sum
    }

    static func hash1a(_ key: Span<UInt8>) -> UInt32 {
        var sum: UInt32 = 0x811C_9DC5
        for index in key.indices {
            sum ^= key[index].signExtended
            sum = sum &* 0x0100_0193
        }
        return sum
    }

    /// In 64 bits; the low half of the sum.
    static func hash1Wide(_ key: Span<UInt8>) -> UInt32 {
        var sum: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in key.indices {
            sum = sum &* 0x0100_0000_01B3
            sum ^= UInt64(bitPattern: Int64(Int8(bitPattern: key[index])))
        }
        return UInt32(truncatingIfNeeded: sum)
    }

    /// In 32 bits, with the low halves of the constants.
    static func hash1aWide(_ key: Span<UInt8>) -> UInt32 {
        var sum: UInt32 = 0x8422_2325
        for index in key.indices {
            sum ^= key[index].signExtended
            sum = sum &* 0x01B3
        }
        return sum
    }
}

/// Bob Jenkins' one-at-a-time function, libmemcached's default: rule 3 of `KeyHash`.
enum OneAtATime {
    static func hash(_ key: Span<UInt8>) -> UInt32 {
        var sum: UInt32 = 0
        for index in key.indices {
            sum &+= key[index].signExtended
            sum &+= sum &<< 10
            sum ^= sum &>> 6
        }
        sum &+= sum &<< 3
        sum ^= sum &>> 11
        sum &+= sum &<< 15
        return sum
    }
}
