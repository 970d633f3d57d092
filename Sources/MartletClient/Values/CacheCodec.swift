import NIOCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How `Codable` types become bytes and back.
public protocol CacheCodec: Sendable {
    /// Kept with each item: a value that another codec wrote is refused, not misread.
    var mark: CodecMark { get }

    /// Appends the value's bytes and returns the client flags to keep with them: those of `mark`.
    func encode(_ value: some Encodable, into buffer: inout ByteBuffer) throws -> UInt32

    /// Makes a value of all of `buffer`, which comes from a server and may be anything. Throws if it is none.
    func decode<Value: Decodable>(_ type: Value.Type, from buffer: ByteBuffer) throws -> Value
}

/// Foundation's JSON.
public struct JSONCodec: CacheCodec {
    /// A codec with `JSONEncoder` and `JSONDecoder` as they come.
    public init() {}

    /// `CodecMark.json`.
    public var mark: CodecMark { .json }

    /// Appends the value as JSON. Throws what `JSONEncoder` does.
    public func encode(_ value: some Encodable, into buffer: inout ByteBuffer) throws -> UInt32 {
        buffer.writeBytes(try JSONEncoder().encode(value))
        return mark.clientFlags
    }

    /// Reads JSON. Throws what `JSONDecoder` does.
    public func decode<Value: Decodable>(_ type: Value.Type, from buffer: ByteBuffer) throws -> Value {
        try JSONDecoder().decode(type, from: Data(buffer.readableBytesView))
    }
}

extension CacheCodec where Self == JSONCodec {
    /// JSON, as other clients can read it.
    public static var json: JSONCodec { JSONCodec() }
}

/// A `Codable` type that can be kept in a cache: as JSON, unless its `codec` says otherwise.
///
///     struct User: CodedCacheValue { var id: Int, name: String }
public protocol CodedCacheValue: CacheValue, Codable, Sendable {
    /// What makes bytes of the type's values and reads them. Values that another one wrote count as undecodable.
    static var codec: any CacheCodec { get }
}

extension CodedCacheValue {
    /// JSON.
    public static var codec: any CacheCodec { .json }

    /// By the type's codec.
    public func encode(into buffer: inout ByteBuffer) throws -> UInt32 {
        try Self.codec.encode(self, into: &buffer)
    }

    /// By the type's codec, which must be the one that wrote the bytes, unless whoever did left no mark.
    public init(decoding buffer: ByteBuffer, clientFlags: UInt32) throws {
        let codec = Self.codec
        let mark = CodecMark(clientFlags: clientFlags)
        guard mark == codec.mark || mark == .plain else {
            throw UndecodableValue("written by codec \(mark.rawValue), not \(codec.mark.rawValue)")
        }
        self = try codec.decode(Self.self, from: buffer)
    }
}
