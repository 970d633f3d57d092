/// The two letters a meta reply starts with, the first letter in the lower byte.
@frozen
public enum MetaStatus: UInt16, BitwiseCopyable, Sendable, CaseIterable {
    /// `HD`: done.
    case done = 0x4448
    /// `VA`: done, a value follows.
    case value = 0x4156
    /// `EN`: `mg` and `me` found nothing.
    case miss = 0x4E45
    /// `NF`: nothing to change.
    case notFound = 0x464E
    /// `NS`: not stored.
    case notStored = 0x534E
    /// `EX`: the CAS token differs.
    case exists = 0x5845
    /// `MN`: the answer to `mn`.
    case noop = 0x4E4D
    /// `ME`: the answer to `me`.
    case debug = 0x454D
}
