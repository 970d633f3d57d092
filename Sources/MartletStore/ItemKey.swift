/// A key as a request names it, with its keyed hash: what every store operation starts from.
///
/// The bytes are borrowed: they must stay valid and unchanged for the call they are passed to. 1...250 bytes, any
/// value.
public struct ItemKey: BitwiseCopyable {
    public let bytes: UnsafeRawPointer
    public let count: Int
    public let hash: UInt64

    /// `hash` must come from `StoreSession.hash(_:_:)` of the same store.
    @inlinable
    public init(bytes: UnsafeRawPointer, count: Int, hash: UInt64) {
        self.bytes = bytes
        self.count = count
        self.hash = hash
    }

    /// The longest key, in bytes.
    package static let bytesMax = 250
}
