import Synchronization

extension VersionTable {
    package enum WriteOutcome: UInt8, BitwiseCopyable, Sendable {
        /// A store was acknowledged.
        case stored
        /// The server said no to a store; what was there may be there still, or not.
        case refused
        /// The key is gone: `DELETED` or `NOT_FOUND` to a delete.
        case deleted
        /// A touch was answered, whether it found the item or not.
        case touched
        /// The answer to a store never came and never will.
        case lostStore
        /// The same of a delete or a touch.
        case lostOther
    }

    /// The version for a store, delete or touch of `key` that is about to be sent; nil: another one is under way.
    package func beginWrite(_ key: UInt64) -> UInt32? {
        guard let index = index(key) else { return 1 }
        return change(index) { word in
            guard !word.isUnderWay, word.issued < .max else { return false }
            word.issue()
            word.isUnderWay = true
            return true
        }?.issued
    }

    /// What became of the write that `beginWrite` began. `expiresAtSeconds` of a store or a touch: on the caller's
    /// clock when the answer came, plus the life; 0: never.
    package func endWrite(_ key: UInt64, _ outcome: WriteOutcome, expiresAtSeconds: UInt32 = 0) {
        guard let index = index(key) else { return }
        if let expirySeconds, outcome == .stored || outcome == .touched {
            expirySeconds[index].store(expiresAtSeconds, ordering: .releasing)
        }
        _ = change(index) { word in
            word.isUnderWay = false
            switch outcome {
            case .stored: Self.raiseFloor(of: &word, to: word.issued)
            case .deleted:
                Self.raiseFloor(of: &word, to: word.issued)
                word.isDeleted = word.floor == word.issued
            case .lostStore: word.becomeUnknown()
            case .lostOther: word.isDisturbed = true
            case .refused, .touched: break
            }
            if outcome != .touched { word.isPresent = outcome == .stored }
            return true
        }
    }

    /// Rule 4: no further than to a store that may still happen.
    static func raiseFloor(of word: inout VersionWord, to version: UInt32) {
        guard let most = word.floorMax, min(version, most) > word.floor else { return }
        word.floor = min(version, most)
        word.isDeleted = false
    }
}
