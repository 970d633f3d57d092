/// What a value turned out to be.
package enum ValueFinding: BitwiseCopyable, Sendable, Equatable {
    /// As it was written for this key. Small values hold only the lowest `versionBits` bits of the version.
    case good(version: UInt32, versionBits: UInt8)
    /// A sound value of another key.
    case foreign(key: UInt64)
    /// Not as it was written; from `offset` at the latest. Values below `ValueStamp.longBytesMin` bytes cannot tell a
    /// foreign or a shortened value from a torn one and are called torn.
    case torn(offset: UInt32)
    /// The value was written with `written` bytes.
    case length(written: UInt32)
}
