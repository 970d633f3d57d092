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

    func encode(_ value: some Encodable, into buffer: inout ByteBuffer) throws -> UInt32

    func decode<Value: Decodable>(_ type: Value.Type, from buffer: ByteBuffer) throws -> Value
}

/// Foundation's JSON.
public struct JSONCodec: CacheCodec {
    public init() {}

    public var mark: CodecMark { .json }

    public func encode(_ value: some Encodable, into buffer: inout ByteBuffer) throws -> UInt32 {
        buffer.writeBytes(try JSONEncoder().encode(value))
        return mark.clientFlags
    }

    public func decode<Value: Decodable>(_ type: Value.Type, from buffer: ByteBuffer) throws -> Value {
        try JSONDecoder().decode(type, from: Data(buffer.readableBytesView))
    }
}

extension CacheCodec where Self == JSONCodec {
    public static var json: JSONCodec { JSONCodec() }
}

/// A `Codable` type that can be kept in a cache: as JSON, unless its `codec` says otherwise.
///
///     struct User: CodedCacheValue { var id: Int, name: String }
public protocol CodedCacheValue: CacheValue, Codable, Sendable {
    static var codec: any CacheCodec { get }
}

extension CodedCacheValue {
    public static var codec: any CacheCodec { .json }

    public func encode(into buffer: inout ByteBuffer) throws -> UInt32 {
        try Self.codec.encode(self, into: &buffer)
    }

    public init(decoding buffer: ByteBuffer, clientFlags: UInt32) throws {
        let codec = Self.codec
        let mark = CodecMark(clientFlags: clientFlags)
        guard mark == codec.mark || mark == .plain else {
            throw UndecodableValue("written by codec \(mark.rawValue), not \(codec.mark.rawValue)")
        }
        self = try codec.decode(Self.self, from: buffer)
    }
}
