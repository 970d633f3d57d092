import NIOCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What can be kept in a cache.
///
/// Texts, bytes and numbers are kept as what they are, and any client can read them: a text as UTF-8, an integer in
/// decimal, as counters are, other numbers and truth values as JSON has them. A `Codable` type becomes one by saying
/// that it is a `CodedCacheValue`.
public protocol CacheValue {
    /// Appends the value's bytes and returns the client flags to keep with them: `CodecMark.clientFlags`, or 0.
    func encode(into buffer: inout ByteBuffer) throws -> UInt32

    /// Makes a value of all of `buffer`. Throws if it is none.
    init(decoding buffer: ByteBuffer, clientFlags: UInt32) throws
}

/// Thrown by values for bytes that are none of theirs.
public struct UndecodableValue: Error, Sendable, CustomStringConvertible {
    /// What they are instead, for people.
    public let description: String

    /// For values of one's own: the client makes a `CacheError` of code `undecodable` of it.
    public init(_ description: String) { self.description = description }
}

extension String: CacheValue {
    public func encode(into buffer: inout ByteBuffer) -> UInt32 {
        buffer.writeString(self)
        return 0
    }

    public init(decoding buffer: ByteBuffer, clientFlags: UInt32) throws {
        // Not through a generic initializer: for a short text looking up its types takes longer than the bytes.
        guard let text = try? UTF8Span(validating: buffer.readableBytesUInt8Span) else {
            throw UndecodableValue("not UTF-8")
        }
        self = String(copying: text)
    }
}

extension ByteBuffer: CacheValue {
    public func encode(into buffer: inout ByteBuffer) -> UInt32 {
        buffer.writeImmutableBuffer(self)
        return 0
    }

    /// A copy: a slice would keep everything alive that arrived together with it.
    public init(decoding buffer: ByteBuffer, clientFlags: UInt32) {
        self = ByteBuffer(bytes: buffer.readableBytesView)
    }
}

extension Data: CacheValue {
    public func encode(into buffer: inout ByteBuffer) -> UInt32 {
        buffer.writeBytes(self)
        return 0
    }

    public init(decoding buffer: ByteBuffer, clientFlags: UInt32) { self = Data(buffer.readableBytesView) }
}

extension FixedWidthInteger where Self: CacheValue {
    public func encode(into buffer: inout ByteBuffer) throws -> UInt32 {
        buffer.writeString(String(self))
        return 0
    }

    /// Blanks at the end are left out: `decr` leaves some where a number has become shorter.
    public init(decoding buffer: ByteBuffer, clientFlags: UInt32) throws {
        let text = String(decoding: buffer.readableBytesView, as: UTF8.self)
        guard buffer.readableBytes <= 64, let number = Self(text.prefix { $0 != " " }) else {
            throw UndecodableValue("no integer of \(Self.bitWidth) bits")
        }
        self = number
    }
}

extension Int: CacheValue {}
extension Int8: CacheValue {}
extension Int16: CacheValue {}
extension Int32: CacheValue {}
extension Int64: CacheValue {}
extension UInt: CacheValue {}
extension UInt8: CacheValue {}
extension UInt16: CacheValue {}
extension UInt32: CacheValue {}
extension UInt64: CacheValue {}

/// `true` or `false`.
extension Bool: CacheValue {
    public func encode(into buffer: inout ByteBuffer) -> UInt32 {
        buffer.writeString(self ? "true" : "false")
        return 0
    }

    public init(decoding buffer: ByteBuffer, clientFlags: UInt32) throws {
        switch buffer.readableBytes <= 5 ? String(buffer: buffer) : "" {
        case "true": self = true
        case "false": self = false
        default: throw UndecodableValue("neither true nor false")
        }
    }
}

/// The shortest decimal that is this number and no other: `1.5`; `inf` and `nan`, which JSON does not have, as well.
extension Double: CacheValue {
    public func encode(into buffer: inout ByteBuffer) -> UInt32 {
        buffer.writeString(description)
        return 0
    }

    public init(decoding buffer: ByteBuffer, clientFlags: UInt32) throws {
        guard buffer.readableBytes <= 400, let number = Double(String(buffer: buffer)) else {
            throw UndecodableValue("no number")
        }
        self = number
    }
}

/// Bytes are kept as they are, arrays of anything else as JSON.
extension Array: CacheValue where Element: Codable {
    public func encode(into buffer: inout ByteBuffer) throws -> UInt32 {
        // The type is asked first: an empty array is one of any element.
        if Element.self == UInt8.self, let bytes = self as? [UInt8] {
            buffer.writeBytes(bytes)
            return 0
        }
        return try JSONCodec().encode(self, into: &buffer)
    }

    public init(decoding buffer: ByteBuffer, clientFlags: UInt32) throws {
        let bytes: Any = Element.self == UInt8.self ? [UInt8](buffer.readableBytesView) : ()
        if let bytes = bytes as? [Element] {
            self = bytes
        } else {
            self = try JSONCodec().decode([Element].self, from: buffer)
        }
    }
}

/// Kept as JSON.
extension Dictionary: CacheValue where Key: Codable, Value: Codable {
    public func encode(into buffer: inout ByteBuffer) throws -> UInt32 {
        try JSONCodec().encode(self, into: &buffer)
    }

    public init(decoding buffer: ByteBuffer, clientFlags: UInt32) throws {
        self = try JSONCodec().decode([Key: Value].self, from: buffer)
    }
}
