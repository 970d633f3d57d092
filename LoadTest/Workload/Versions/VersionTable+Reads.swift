import Synchronization

/// Whether a version may be what a read returned.
package enum VersionFinding: BitwiseCopyable, Sendable, Equatable {
    case good
    /// Older than `floor`, which had been acknowledged, or read, before the read was sent.
    case stale(version: UInt32, floor: UInt32)
    /// Older than the delete `floor`, which had been acknowledged before the read was sent.
    case resurrected(version: UInt32, floor: UInt32)
    /// Newer than the newest one ever written.
    case unheardOf(version: UInt32, issued: UInt32)
    /// Its life ended before the read was sent, by so many seconds.
    case expired(lateSeconds: UInt32)
}

extension VersionTable {
    /// Whether the `count` bytes at `address` are a value of `key` as it was written, and its version certainly one
    /// that a read may return that was sent when the key's word was `sent`. The answer to nearly every value, for
    /// tables without lives; if it is false, `ValueStamp.verify` and `judge` find out what is wrong, if anything is.
    package func isGood(_ address: UnsafeRawPointer, count: Int, key: UInt64, sent: VersionWord) -> Bool {
        guard let version = ValueStamp.soundVersion(address, count: count, key: key) else { return false }
        // Rule 8. Between two floors there is nothing to raise, and all was issued.
        let floor = sent.floor
        return floor == 0 || version >= floor && version <= word(key).floor
    }

    /// Whether a read of `key` that was sent when the key's word was `sent`, `sentSeconds` on the caller's clock, may
    /// return `version`, of which the value holds the lowest `versionBits` bits.
    package func judge(
        _ key: UInt64, sent: VersionWord, version: UInt32, versionBits: UInt8 = 32, sentSeconds: UInt32 = 0
    ) -> VersionFinding {
        // Rule 8.
        guard sent.floor > 0, versionBits > 0, let index = index(key) else { return .good }
        let now = word(key)
        var version = version
        if versionBits < 32 {
            // The newest version with these lowest bits.
            let mask: UInt32 = 1 &<< UInt32(versionBits) &- 1
            version = now.issued &- ((now.issued &- version) & mask)
        } else if version > now.issued {
            return .unheardOf(version: version, issued: now.issued)
        }
        guard version >= sent.floor else {
            return sent.isDeleted
                ? .resurrected(version: version, floor: sent.floor) : .stale(version: version, floor: sent.floor)
        }
        if let late = lateSeconds(index, sent: sent, now: now, sentSeconds: sentSeconds) {
            return .expired(lateSeconds: late)
        }
        // A version of which only some bits are known may be an older one, unless all that are allowed differ in them.
        let isSure = versionBits >= 32 || now.issued - sent.floor < 1 &<< UInt32(versionBits)
        if isSure, version > now.floor {
            _ = change(index) { word in
                let before = word
                Self.raiseFloor(of: &word, to: version)
                return word != before
            }
        }
        return .good
    }

    /// Whether a read of `key` may have missed, where nothing may be evicted: false if the item was certainly there
    /// when the word was `sent`, and nothing has been asked to change it since. `nowSeconds`: when the answer came.
    package func judgeMiss(_ key: UInt64, sent: VersionWord, nowSeconds: UInt32 = 0) -> Bool {
        guard let index = index(key), sent.isPresent, !sent.isUnderWay, !sent.isDisturbed else { return true }
        guard word(key).issued == sent.issued else { return true }
        guard let expirySeconds else { return false }
        // A server's clock may be ahead by its resolution.
        let expiry = expirySeconds[index].load(ordering: .acquiring)
        return expiry != 0 && UInt64(nowSeconds) + UInt64(Self.expirySlackSeconds) >= UInt64(expiry)
    }

    /// Rule 7, where nothing was on its way that might have given the item another life.
    private func lateSeconds(_ index: Int, sent: VersionWord, now: VersionWord, sentSeconds: UInt32) -> UInt32? {
        guard let expirySeconds, sent.issued == now.issued, !sent.isUnderWay, !sent.isDisturbed, !sent.isUnknown
        else { return nil }
        let expiry = expirySeconds[index].load(ordering: .acquiring)
        guard expiry != 0, UInt64(sentSeconds) > UInt64(expiry) + UInt64(Self.expirySlackSeconds) else { return nil }
        return sentSeconds - expiry
    }
}
