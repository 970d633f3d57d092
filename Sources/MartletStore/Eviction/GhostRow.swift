/// Fingerprints of what was lately evicted, beside each bucket: 8 x u16, newest first.
///
///     bit 15      kind: 0 evicted from HOT (A), 1 evicted from COLD (B)
///         0..14   the top 15 bits of the hash, never 0
///
/// Same index as the bucket, own mapping, guarded by the same stripe lock. 2.1 bytes an item; untouched, and so without
/// memory, until the first eviction.
package struct GhostRow: BitwiseCopyable {
    package let raw: UnsafeMutableRawPointer

    package init(raw: UnsafeMutableRawPointer) {
        self.raw = raw
    }

    package static var bytes: Int { 16 }
    package static var laneCount: Int { 8 }

    package enum Kind: UInt16, BitwiseCopyable {
        case fromHot = 0
        case fromCold = 0x8000
    }

    private static func fingerprint(_ hash: UInt64) -> UInt16 {
        max(1, UInt16(truncatingIfNeeded: hash &>> 49))
    }

    /// Remembers `hash`; the oldest of the row is forgotten.
    package func remember(_ hash: UInt64, _ kind: Kind) {
        let low = raw.load(as: UInt64.self)
        let high = (raw + 8).load(as: UInt64.self)
        (raw + 8).storeBytes(of: high &<< 16 | low &>> 48, as: UInt64.self)
        raw.storeBytes(of: low &<< 16 | UInt64(Self.fingerprint(hash) | kind.rawValue), as: UInt64.self)
    }

    /// Whether `hash` was lately evicted, and from where. Forgets it.
    package func take(_ hash: UInt64) -> Kind? {
        if raw.load(as: UInt64.self) == 0 { return nil }
        let wanted = Self.fingerprint(hash)
        for lane in 0..<Self.laneCount {
            let value = (raw + 2 * lane).load(as: UInt16.self)
            if value == 0 { continue }
            if value & 0x7fff == wanted {
                // The lane stays non-empty for the early exit above: 0x8000 has no fingerprint, so it matches nothing.
                (raw + 2 * lane).storeBytes(of: 0x8000, as: UInt16.self)
                return value & 0x8000 == 0 ? .fromHot : .fromCold
            }
        }
        return nil
    }

    /// Takes what another row remembers among its own, by turns and newest first, as far as there is room. The other
    /// row is empty afterwards.
    package func merge(_ other: GhostRow) {
        if other.raw.load(as: UInt64.self) == 0 { return }
        var merged = SIMD8<UInt16>(repeating: 0)
        var count = 0
        for turn in 0..<2 * Self.laneCount {
            let row = turn % 2 == 0 ? self : other
            let value = (row.raw + 2 * (turn / 2)).load(as: UInt16.self)
            // What was in both since the split is the same twice.
            if value & 0x7fff == 0 || count == Self.laneCount || any(merged .== value) { continue }
            merged[count] = value
            count += 1
        }
        raw.storeBytes(of: merged, as: SIMD8<UInt16>.self)
        other.raw.storeBytes(of: .zero, as: SIMD8<UInt16>.self)
    }

    package func copy(from other: GhostRow) {
        let low = other.raw.load(as: UInt64.self)
        if low == 0 { return }
        raw.storeBytes(of: low, as: UInt64.self)
        (raw + 8).storeBytes(of: (other.raw + 8).load(as: UInt64.self), as: UInt64.self)
    }
}
