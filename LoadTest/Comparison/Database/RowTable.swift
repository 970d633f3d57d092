import LoadWorkload

/// What the database holds: a value for each key, cut into one or several rows.
///
///     key | part | value                    value of key 7 = value(7, 0) + value(7, 1) + value(7, 2)
///     ----+------+----------------
///      7  |  0   | first third              a value of one row is the query by primary key; more rows make a query
///      7  |  1   | second third             that gathers, as pages made of many rows need
///      7  |  2   | rest
///
/// Values are stamped: each tells whose it is, which version, and whether every byte is as it was written. A value from
/// the cache that passes is byte for byte what the rows of that version held.
package struct RowTable: Sendable {
    /// Keys 0..<keyCount are asked for by popularity; `hotKey` is one more, for the stampede.
    package let keyCount: UInt64
    package let partCount: Int
    private let sizes: Sizes

    package static let partCountMax = 1000
    package static let firstVersion: UInt32 = 1

    package init(keyCount: UInt64, partCount: Int, sizes: Sizes) {
        self.keyCount = keyCount
        self.partCount = partCount
        self.sizes = sizes
    }

    package var hotKey: UInt64 { keyCount }

    /// At least what a stamp needs to tell everything.
    package func valueBytes(of key: UInt64) -> Int { max(ValueStamp.longBytesMin, Int(sizes.bytes(of: key))) }

    /// Replaces the content of `value` by a version of `key`'s value.
    package func write(_ key: UInt64, version: UInt32, into value: inout [UInt8]) {
        let count = valueBytes(of: key)
        if value.count != count { value = [UInt8](repeating: 0, count: count) }
        value.withUnsafeMutableBytes { bytes in
            // Safe: at least `longBytesMin` bytes are there.
            ValueStamp.write(at: bytes.baseAddress.unsafelyUnwrapped, count: count, key: key, version: version)
        }
    }

    /// Where part `part` of a value of `count` bytes lies.
    package func range(ofPart part: Int, count: Int) -> Range<Int> {
        count * part / partCount..<count * (part + 1) / partCount
    }
}
