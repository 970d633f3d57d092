/// A line of Twitter's cache traces: `timestamp,key,key size,value size,client id,operation,TTL`.
///
/// Times are whole seconds. The requests of one second are spread over it as the second before suggests: the i-th of
/// them is due after i / (requests of the second before), at the latest just before the next second.
struct TwitterLine {
    private var firstSecond: UInt64?
    private var second: UInt64 = 0
    private var countInSecond: UInt64 = 0
    private var countInSecondBefore: UInt64 = 0

    mutating func parse(
        _ line: UnsafeRawBufferPointer, into request: inout TraceRequest, numbering keys: inout DenseKeys
    ) -> LineOutcome {
        var fields = LineFields(line)
        guard let second = fields.number(), fields.skip(Self.comma) else {
            // A heading, if any, is the first line.
            let isHeading = firstSecond == nil && line.count(where: { $0 == Self.comma }) == 6
            return isHeading ? .nothing : .fault(.time)
        }
        // The key may have commas of its own: the five fields behind it have none.
        var keyEnd = line.count
        for _ in 0..<5 {
            guard let comma = line[..<keyEnd].lastIndex(of: Self.comma) else { return .fault(.fieldCount) }
            keyEnd = comma
        }
        let keyStart = fields.position - line.baseAddress.unsafelyUnwrapped
        guard keyEnd >= keyStart else { return .fault(.fieldCount) }
        guard keyEnd > keyStart else { return .fault(.key) }
        fields = LineFields(UnsafeRawBufferPointer(rebasing: line[(keyEnd + 1)...]))
        guard let keyBytes = fields.number(), fields.skip(Self.comma) else { return .fault(.size) }
        guard let valueBytes = fields.number(), valueBytes <= Sizes.bytesMax, fields.skip(Self.comma) else {
            return .fault(.size)
        }
        _ = fields.field(before: Self.comma)
        guard let kind = Self.kind(fields.field(before: Self.comma)) else { return .fault(.operation) }
        guard let life = fields.number(), life <= UInt32.max, fields.isAtEnd else { return .fault(.life) }
        guard let due = due(second) else { return .fault(.time) }
        guard let key = keys.number(of: UnsafeRawBufferPointer(rebasing: line[keyStart..<keyEnd])) else {
            return .fault(.tooManyKeys)
        }
        request.kind = kind
        request.key = key
        request.keyBytes = UInt8(min(keyBytes, UInt64(KeySpace.bytesMax)))
        request.valueBytes = UInt32(truncatingIfNeeded: valueBytes)
        request.secondsToLive = UInt32(truncatingIfNeeded: life)
        request.dueNanoseconds = due
        return .request
    }

    /// Thirty years: what is longer is no time.
    private static let spanSecondsMax: UInt64 = 1_000_000_000
    private static let comma = UInt8(ascii: ",")

    /// nil: goes back, or much too far.
    private mutating func due(_ now: UInt64) -> UInt64? {
        let first = firstSecond ?? now
        firstSecond = first
        guard now >= max(first, second), now - first < Self.spanSecondsMax else { return nil }
        if now > second {
            countInSecondBefore = now == second + 1 ? countInSecond : 0
            second = now
            countInSecond = 0
        }
        defer { countInSecond += 1 }
        let part = countInSecondBefore > 0 ? countInSecond * 1_000_000_000 / countInSecondBefore : 0
        return (now - first) * 1_000_000_000 + min(part, 999_999_999)
    }

    private static func kind(_ word: UnsafeRawBufferPointer) -> OperationKind? {
        if word.elementsEqual("get".utf8) || word.elementsEqual("gets".utf8) { return .get }
        if word.elementsEqual("set".utf8) || word.elementsEqual("replace".utf8) { return .set }
        if word.elementsEqual("append".utf8) || word.elementsEqual("prepend".utf8) { return .set }
        if word.elementsEqual("add".utf8) { return .add }
        if word.elementsEqual("cas".utf8) { return .compareAndSet }
        if word.elementsEqual("delete".utf8) { return .delete }
        if word.elementsEqual("incr".utf8) || word.elementsEqual("decr".utf8) { return .increment }
        return nil
    }
}
