import NIOCore

/// LZ4's block format: fast in both directions, and no library needed.
///
///     a block is a chain of sequences:
///      0        1                                                                    (bytes)
///     +--------+-----------------+----------+------------+-----------------+
///     | token  | 255 ... of      | literals | distance   | 255 ... of      |
///     | l4 m4  | literal count   |          | 16 bits LE | match length    |
///     +--------+-----------------+----------+------------+-----------------+
///
/// Rules of the format:
/// 1. l4 and m4 are lengths; 15 is continued by bytes that are added up to the first below 255. A match is 4 longer
///    than said.
/// 2. The last sequence ends behind its literals; the last 5 bytes are literals, and no match begins in the last 12.
/// 3. A distance is 1...65535 and never reaches back beyond the beginning.
///
/// What comes from a server may be anything: what breaks a rule, or does not come to the length said, is refused.
package enum LZ4 {
    private static let matchMin = 4
    private static let lastLiterals = 5
    private static let matchStartMargin = 12
    private static let distanceMax = 65_535
    private static let tableBits: UInt32 = 13

    /// The chain of sequences for `source`; nil if it would not be shorter than `bytesMax`.
    package static func compress(_ source: ByteBuffer, bytesMax: Int) -> [UInt8]? {
        let count = source.readableBytes
        guard count >= matchStartMargin, count < Int32.max else { return nil }
        let bytes = source.readableBytesUInt8Span
        var short: [UInt8] = []
        short.reserveCapacity(min(bytesMax, count))
        // Where each hash of four bytes was last seen, plus one.
        var places = [Int32](repeating: 0, count: 1 << Int(tableBits))
        var (position, anchor, misses) = (0, 0, 0)
        while position + matchStartMargin <= count {
            let word = bytes.four(at: position)
            let hash = Int((word &* 2_654_435_761) >> (32 - tableBits))
            let candidate = Int(places[hash]) - 1
            places[hash] = Int32(truncatingIfNeeded: position + 1)
            guard candidate >= 0, position - candidate <= distanceMax, bytes.four(at: candidate) == word else {
                // What has no matches is passed over in longer and longer steps.
                misses += 1
                position += 1 + misses >> 6
                continue
            }
            misses = 0
            var length = matchMin
            let end = count - lastLiterals
            while position + length < end, bytes[candidate + length] == bytes[position + length] { length += 1 }
            sequence(&short, bytes, anchor..<position, distance: position - candidate, length: length)
            guard short.count < bytesMax else { return nil }
            position += length
            anchor = position
        }
        sequence(&short, bytes, anchor..<count, distance: 0, length: 0)
        return short.count < bytesMax ? short : nil
    }

    /// A length of 0 makes the last sequence.
    private static func sequence(
        _ short: inout [UInt8], _ bytes: borrowing Span<UInt8>, _ literals: Range<Int>, distance: Int, length: Int
    ) {
        let (literal, match) = (literals.count, max(length - matchMin, 0))
        short.append(UInt8(min(literal, 15) << 4 | min(match, 15)))
        if literal >= 15 { rest(&short, literal - 15) }
        for place in literals { short.append(bytes[place]) }
        guard length > 0 else { return }
        short.append(UInt8(truncatingIfNeeded: distance))
        short.append(UInt8(truncatingIfNeeded: distance >> 8))
        if match >= 15 { rest(&short, match - 15) }
    }

    private static func rest(_ short: inout [UInt8], _ length: Int) {
        short.append(contentsOf: repeatElement(255, count: length / 255))
        short.append(UInt8(length % 255))
    }

    /// The bytes that `block` stands for, which must be `count`; nil if it is none, or comes to something else.
    package static func decompress(_ short: ByteBuffer, count: Int) -> [UInt8]? {
        let bytes = short.readableBytesUInt8Span
        // None grows more than this: who says so wants memory for nothing.
        guard count >= 0, count <= bytes.count.multipliedReportingOverflow(by: 255).partialValue else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(count)
        var position = 0
        while position < bytes.count {
            let token = bytes[position]
            position += 1
            guard let literals = length(Int(token >> 4), bytes, &position), literals <= bytes.count - position,
                literals <= count - result.count
            else { return nil }
            for place in position..<position + literals { result.append(bytes[place]) }
            position += literals
            if position == bytes.count { break }
            guard position + 2 <= bytes.count else { return nil }
            let distance = Int(bytes[position]) | Int(bytes[position + 1]) << 8
            position += 2
            guard let match = length(Int(token & 15), bytes, &position).map({ $0 + matchMin }), distance > 0,
                distance <= result.count, match <= count - result.count
            else { return nil }
            // It may reach into what it writes itself.
            let start = result.count - distance
            for place in start..<start + match { result.append(result[place]) }
        }
        return result.count == count ? result : nil
    }

    private static func length(_ start: Int, _ bytes: borrowing Span<UInt8>, _ position: inout Int) -> Int? {
        guard start == 15 else { return start }
        var sum = start
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            sum += Int(byte)
            if byte < 255 { return sum }
        }
        return nil
    }
}

extension Span<UInt8> {
    fileprivate func four(at place: Int) -> UInt32 {
        UInt32(self[place]) | UInt32(self[place + 1]) << 8 | UInt32(self[place + 2]) << 16 | UInt32(self[place + 3])
            << 24
    }
}
