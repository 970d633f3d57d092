/// `op key size ttl`: op is g (a read that stores on a miss), s (a store) or d (a delete), the rest are numbers.
enum NumberedLine {
    @inline(__always)
    static func parse(_ line: UnsafeRawBufferPointer, into request: inout TraceRequest) -> LineOutcome {
        var fields = LineFields(line)
        switch fields.byte() {
        case UInt8(ascii: "g"): request.kind = .get
        case UInt8(ascii: "s"): request.kind = .set
        case UInt8(ascii: "d"): request.kind = .delete
        default: return .fault(.operation)
        }
        guard fields.skip(0x20) else { return .fault(.operation) }
        guard let key = fields.number(), key <= keyMax else { return .fault(.key) }
        guard fields.skip(0x20) else { return .fault(.fieldCount) }
        guard let size = fields.number(), size <= Sizes.bytesMax else { return .fault(.size) }
        guard fields.skip(0x20) else { return .fault(.fieldCount) }
        guard let life = fields.number(), life <= UInt32.max else { return .fault(.life) }
        guard fields.isAtEnd else { return .fault(.fieldCount) }
        request.key = key
        request.valueBytes = UInt32(truncatingIfNeeded: size)
        request.secondsToLive = UInt32(truncatingIfNeeded: life)
        return .request
    }

    /// Leaves room for the copies of a trace below 2^48.
    static let keyMax: UInt64 = 1 << 37
}
