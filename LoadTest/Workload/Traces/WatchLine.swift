/// A line of memcached's `watch fetchers mutations`, as it comes from the connection:
///
///     ts=1454631428.12 gid=3 type=item_get key=foo status=found clsid=1 cfd=29 size=5
///     ts=1454631428.15 gid=4 type=item_store key=foo status=stored cmd=set ttl=100 clsid=1 cfd=29 size=5
///     ts=1454631428.21 gid=5 type=deleted key=foo cmd=delete clsid=1 size=5          (`watch deletions`)
///
/// The digits behind the point are microseconds, without zeros in front. Keys are percent-encoded.
struct WatchLine: BitwiseCopyable {
    var request = TraceRequest()
    /// The client's connection; nil where the line does not say.
    var connection: UInt64?
    /// Microseconds since 1970.
    var time: UInt64 = 0

    private enum Kind { case get, store, deletion, other }

    mutating func parse(_ line: UnsafeRawBufferPointer, numbering keys: inout DenseKeys) -> LineOutcome {
        guard line.starts(with: "ts=".utf8) else {
            let isNotice = line.elementsEqual("OK".utf8) || line.starts(with: "skipped=".utf8) || line.isEmpty
            return isNotice ? .nothing : .fault(.operation)
        }
        var fields = LineFields(line)
        _ = fields.field(before: Self.equals)
        guard let seconds = fields.number(), seconds < Self.secondsMax, fields.skip(UInt8(ascii: ".")),
            let micros = fields.number(), micros < 1_000_000, fields.skip(Self.space)
        else { return .fault(.time) }
        time = seconds * 1_000_000 + micros
        request = TraceRequest()
        connection = nil
        var kind = Kind.other
        var key: UnsafeRawBufferPointer?
        while !fields.isAtEnd {
            let name = fields.field(before: Self.equals)
            let value = fields.field(before: Self.space)
            var number = LineFields(value)
            if name.elementsEqual("type".utf8) {
                kind = Self.kind(value)
                if kind == .other { return .nothing }
            } else if name.elementsEqual("key".utf8) {
                key = value
            } else if name.elementsEqual("cmd".utf8) {
                request.kind = Self.store(value)
            } else if name.elementsEqual("cfd".utf8) {
                connection = number.number()
            } else if name.elementsEqual("size".utf8) {
                guard let size = number.number(), size <= Sizes.bytesMax else { return .fault(.size) }
                request.valueBytes = UInt32(size)
            } else if name.elementsEqual("ttl".utf8) {
                guard let life = number.number(), life <= UInt32.max else { return .fault(.life) }
                request.secondsToLive = UInt32(life)
            }
        }
        switch kind {
        case .get: request.kind = .get
        case .deletion: request.kind = .delete
        case .store: break
        case .other: return .fault(.operation)
        }
        guard let key, !key.isEmpty else { return .fault(.key) }
        guard let keyNumber = keys.number(of: key) else { return .fault(.tooManyKeys) }
        request.key = keyNumber
        let encoded = key.count(where: { $0 == UInt8(ascii: "%") })
        request.keyBytes = UInt8(max(1, min(key.count - 2 * encoded, KeySpace.bytesMax)))
        return .request
    }

    private static let equals = UInt8(ascii: "=")
    private static let space = UInt8(ascii: " ")
    private static let secondsMax: UInt64 = 100_000_000_000

    private static func kind(_ word: UnsafeRawBufferPointer) -> Kind {
        if word.elementsEqual("item_get".utf8) { return .get }
        if word.elementsEqual("item_store".utf8) { return .store }
        return word.elementsEqual("deleted".utf8) ? .deletion : .other
    }

    private static func store(_ word: UnsafeRawBufferPointer) -> OperationKind {
        if word.elementsEqual("add".utf8) { return .add }
        return word.elementsEqual("cas".utf8) ? .compareAndSet : .set
    }
}
