import MartletProtocol
import MartletRing

/// The name of an item: any bytes, of any length.
///
///     let key: CacheKey = "user:\(id)"
///     let name = CacheKey("user:\(id):name", routingKey: "user:\(id)")     // on the server of user:<id>
///
/// Up to 250 printable bytes go over the wire as they are. Rules for the others:
/// 1. Up to 186 bytes with a space or a control character among them are sent in base64 (the meta protocol's `b`),
///    which names the same item as the bytes themselves. 187 would be 252 on the line, where a key has 250 at most.
/// 2. Longer ones, an empty one, and those of rule 1 to servers without the meta protocol, are sent as `sha256:` and
///    the digest in hexadecimal, and so are, lest two keys be one, keys that look like that already.
/// 3. The ring sees the routing key, or the key's own bytes, never a spelling.
public struct CacheKey: Hashable, Sendable {
    /// How a key is written on the line.
    enum Spelling: UInt8, Sendable {
        case plain, base64, digest
    }

    /// The name itself, however it is written on the line.
    public let bytes: [UInt8]
    /// Decides which server has the item, in the key's place.
    public let routingKey: [UInt8]?
    let spelling: Spelling

    private static let digestPrefix = Array("sha256:".utf8)
    private static let digestBytes = digestPrefix.count + 64

    /// A key of any bytes; `routingKey` decides which server has it, or, if nil, the bytes do.
    public init(bytes: [UInt8], routingKey: [UInt8]? = nil) {
        self.bytes = bytes
        self.routingKey = routingKey
        spelling = Self.spelling(of: bytes)
    }

    /// A key of a text's UTF-8 bytes.
    public init(_ text: String, routingKey: String? = nil) {
        self.init(bytes: Array(text.utf8), routingKey: routingKey.map { Array($0.utf8) })
    }

    /// The key with a text in front of it, routed as before or, without a routing key, by all of its bytes.
    func prefixed(_ prefix: [UInt8]) -> CacheKey {
        prefix.isEmpty ? self : CacheKey(bytes: prefix + bytes, routingKey: routingKey)
    }

    private static func spelling(of bytes: [UInt8]) -> Spelling {
        guard !bytes.isEmpty, bytes.count <= WireLimits.keyBytesMax else { return .digest }
        // From 0x80 on a byte is no control character to any server; 0x7F is to some clients.
        if bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) {
            return bytes.starts(with: digestPrefix) ? .digest : .plain
        }
        return Base64.encodedCount(bytes.count) <= WireLimits.keyBytesMax ? .base64 : .digest
    }

    /// What stands for the key where neither its bytes nor base64 can.
    var digest: [UInt8] { Self.digestPrefix + SHA256.hexadecimal(SHA256.digest(bytes)).utf8 }

    /// How long it is on a server's line.
    func lineBytes(_ dialect: Dialect) -> Int {
        switch spelling {
        case .plain: bytes.count
        case .base64 where dialect == .meta: Base64.encodedCount(bytes.count)
        case .base64, .digest: Self.digestBytes
        }
    }

    /// What the ring sees.
    var routingBytes: [UInt8] { routingKey ?? bytes }

    /// The same bytes and the same routing key: with another one it is another item, on another server perhaps.
    @inlinable
    public static func == (one: CacheKey, other: CacheKey) -> Bool {
        one.bytes == other.bytes && one.routingKey == other.routingKey
    }

    /// By the bytes alone.
    @inlinable
    public func hash(into hasher: inout Hasher) {
        // All at once: as an array's elements they would be taken one by one.
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension CacheKey: ExpressibleByStringInterpolation {
    /// A key written in code, also with values in it: `"user:\(id)"`.
    public init(stringLiteral text: String) { self.init(text) }
}

extension Sequence<CacheKey> {
    /// Each key once, in the order in which they come first.
    func unique() -> [CacheKey] {
        var seen: Set<CacheKey> = []
        return filter { seen.insert($0).inserted }
    }
}

extension CacheKey: CustomStringConvertible {
    /// The bytes as text, as far as they are.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}
