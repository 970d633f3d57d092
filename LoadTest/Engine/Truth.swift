import LoadWorkload

/// What values may be: between the loop and the workload's stamps and versions. Copies mean the same.
struct Truth: BitwiseCopyable, Sendable {
    let verification: Verification
    /// Only where versions are followed.
    let versions: VersionTable?

    /// Why a value cannot have come from a correct server.
    enum Finding: BitwiseCopyable {
        case good
        case foreign(key: UInt64)
        case torn(offset: UInt32)
        case length(written: UInt32)
        case stale(version: UInt32)
        case resurrected(version: UInt32)
    }

    /// The least version a read of `key` that is sent now may bring.
    @inline(__always)
    func floor(_ key: UInt64) -> UInt32 { 0 }

    /// The version that a store of `key` sent now has; nil while another one is under way.
    @inline(__always)
    func beginWrite(_ key: UInt64) -> UInt32? {
        guard let versions else { return 1 }
        return versions.beginWrite(key)
    }

    @inline(__always)
    func endWrite(_ key: UInt64, _ outcome: VersionTable.WriteOutcome) {
        if let versions { versions.endWrite(key, outcome) }
    }

    @inline(__always)
    func writeValue(at address: UnsafeMutableRawPointer, count: Int, key: UInt64, version: UInt32) {
        ValueStamp.write(at: address, count: count, key: key, version: version)
    }

    /// Whether a value of `key` is whole, its own and new enough.
    func finding(_ value: UnsafeRawBufferPointer, key: UInt64, floor: UInt32) -> Finding {
        // A counter's value is a number.
        if key & KeySpace.counterBit != 0 { return .good }
        // Safe: an empty value stands in front of its CR LF.
        switch ValueStamp.verify(value.baseAddress.unsafelyUnwrapped, count: value.count, key: key) {
        case .good: return .good
        case .foreign(let other): return .foreign(key: other)
        case .torn(let offset): return .torn(offset: offset)
        case .length(let written): return .length(written: written)
        }
    }
}
