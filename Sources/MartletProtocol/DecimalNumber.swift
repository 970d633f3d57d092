/// Numbers as the wire writes them: decimal digits, and a minus sign where one is allowed. No plus, no blanks.
public enum DecimalNumber {
    /// An unsigned number of 1...`digitsMax` digits, nil for anything else or beyond 64 bits.
    package static func unsigned(_ digits: UnsafeRawBufferPointer, digitsMax: Int = WireLimits.digits64Max) -> UInt64? {
        guard let start = digits.baseAddress, digits.count > 0, digits.count <= digitsMax else { return nil }
        var sum: UInt64 = 0
        var position = 0
        // Nineteen digits cannot overflow.
        let safeCount = digits.count < 19 ? digits.count : 19
        while position < safeCount {
            let digit = start.load(fromByteOffset: position, as: UInt8.self) &- 0x30
            guard digit < 10 else { return nil }
            sum = sum &* 10 &+ UInt64(digit)
            position &+= 1
        }
        while position < digits.count {
            let digit = start.load(fromByteOffset: position, as: UInt8.self) &- 0x30
            guard digit < 10 else { return nil }
            let (tenfold, overflowsTimes) = sum.multipliedReportingOverflow(by: 10)
            let (next, overflowsPlus) = tenfold.addingReportingOverflow(UInt64(digit))
            guard !overflowsTimes, !overflowsPlus else { return nil }
            sum = next
            position &+= 1
        }
        return sum
    }

    /// An unsigned 32-bit number.
    package static func unsigned32(
        _ digits: UnsafeRawBufferPointer, digitsMax: Int = WireLimits.digits32Max
    ) -> UInt32? {
        guard let number = unsigned(digits, digitsMax: digitsMax) else { return nil }
        return UInt32(exactly: number)
    }

    /// A signed 32-bit number; `digitsMax` counts the sign too.
    package static func signed32(
        _ digits: UnsafeRawBufferPointer, digitsMax: Int = WireLimits.digits32Max
    ) -> Int32? {
        guard let start = digits.baseAddress, digits.count > 0, digits.count <= digitsMax else { return nil }
        guard start.load(as: UInt8.self) == 0x2D else {
            guard let number = unsigned(digits, digitsMax: digitsMax) else { return nil }
            return Int32(exactly: number)
        }
        let magnitude = UnsafeRawBufferPointer(start: start + 1, count: digits.count &- 1)
        guard let number = unsigned(magnitude, digitsMax: digitsMax), number <= 1 << 31 else { return nil }
        return Int32(truncatingIfNeeded: 0 &- Int64(truncatingIfNeeded: number))
    }
}
