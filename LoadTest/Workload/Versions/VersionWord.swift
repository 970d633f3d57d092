/// What is known about one key, in 64 bits that change as one.
///
///     63      62        61        60        59          58        48 47      32 31        0
///     +-------+---------+---------+---------+-----------+-----------+----------+----------+
///     | under | deleted | unknown | present | disturbed | unknown   | behind   | issued   |
///     | way   |         |         |         |           | behind 11 | 16 bits  | 32 bits  |
///     +-------+---------+---------+---------+-----------+-----------+----------+----------+
///
/// - issued: the newest version given to a write; 0 before the first. Deletes and touches take versions as well, which
///   no value has.
/// - behind: issued less the floor, the oldest version that a read sent now may return; the most that fits is "no
///   floor".
/// - under way: what took `issued` is not answered yet.
/// - deleted: the floor is a delete's version: what is older has risen from the dead.
/// - unknown: the answer to some store never came, so that it may still happen; unknown behind: issued less the version
///   of the first such store; the most that fits is "too old to say".
/// - present: the last store was acknowledged, and nothing deleted or lost it since, that we know of.
/// - disturbed: the answer to some delete or touch never came: whether the item is there, and how long, is not judged.
package struct VersionWord: BitwiseCopyable, Sendable, Equatable {
    package private(set) var raw: UInt64

    package init(raw: UInt64) { self.raw = raw }

    private static let behindMax: UInt64 = 0xffff
    private static let unknownBehindMax: UInt64 = 0x7ff

    package var issued: UInt32 { UInt32(truncatingIfNeeded: raw) }

    package var isUnderWay: Bool {
        get { has(63) }
        set { set(63, newValue) }
    }

    package var isDeleted: Bool {
        get { has(62) }
        set { set(62, newValue) }
    }

    package var isUnknown: Bool { has(61) }

    package var isPresent: Bool {
        get { has(60) }
        set { set(60, newValue) }
    }

    package var isDisturbed: Bool {
        get { has(59) }
        set { set(59, newValue) }
    }

    /// The oldest version that may be read; 0: any.
    package var floor: UInt32 {
        get {
            let behind = raw >> 32 & Self.behindMax
            return behind == Self.behindMax ? 0 : issued &- UInt32(min(behind, UInt64(issued)))
        }
        set {
            let behind = newValue == 0 ? Self.behindMax : min(UInt64(issued &- newValue), Self.behindMax)
            raw = raw & ~(Self.behindMax << 32) | behind << 32
        }
    }

    /// The highest floor there may be: nil if an unanswered store is too old to say.
    var floorMax: UInt32? {
        guard isUnknown else { return issued }
        let behind = raw >> 48 & Self.unknownBehindMax
        return behind == Self.unknownBehindMax ? nil : issued &- UInt32(behind)
    }

    /// The next version is given out.
    mutating func issue() {
        let before = floor
        let unknownBehind = min((raw >> 48 & Self.unknownBehindMax) + 1, Self.unknownBehindMax)
        raw += 1
        floor = before
        if isUnknown { raw = raw & ~(Self.unknownBehindMax << 48) | unknownBehind << 48 }
    }

    /// What took `issued` is a store that may still happen.
    mutating func becomeUnknown() {
        guard !isUnknown else { return }
        set(61, true)
        raw &= ~(Self.unknownBehindMax << 48)
    }

    private func has(_ bit: UInt64) -> Bool { raw >> bit & 1 != 0 }

    private mutating func set(_ bit: UInt64, _ value: Bool) { raw = raw & ~(1 << bit) | (value ? 1 << bit : 0) }
}
