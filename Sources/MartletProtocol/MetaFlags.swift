/// The flags a meta command line carries, one bit for each letter: bit 0 is `A`, bit 57 is `z`.
@frozen
public struct MetaFlags: BitwiseCopyable, Sendable, Equatable {
    public var bits: UInt64

    @inlinable
    public init(bits: UInt64 = 0) { self.bits = bits }

    /// The set holding one letter.
    @inlinable
    public init(_ letter: Unicode.Scalar) { bits = 1 << UInt64(letter.value &- 65) }

    @inlinable
    public func contains(_ other: MetaFlags) -> Bool { bits & other.bits == other.bits }

    @inlinable
    public mutating func insert(_ other: MetaFlags) { bits |= other.bits }

    @inlinable
    public func union(_ other: MetaFlags) -> MetaFlags { MetaFlags(bits: bits | other.bits) }
}

// The letters, named after what they do. Where one letter means two things, it has two names.
extension MetaFlags {
    /// `b`: the key is base64.
    @inlinable public static var binaryKey: MetaFlags { MetaFlags("b") }
    /// `c`: return the CAS token.
    @inlinable public static var returnToken: MetaFlags { MetaFlags("c") }
    /// `f`: return the client flags.
    @inlinable public static var returnClientFlags: MetaFlags { MetaFlags("f") }
    /// `h`: return whether the item was fetched before.
    @inlinable public static var returnHit: MetaFlags { MetaFlags("h") }
    /// `k`: return the key.
    @inlinable public static var returnKey: MetaFlags { MetaFlags("k") }
    /// `l`: return the seconds since the last access.
    @inlinable public static var returnLastAccess: MetaFlags { MetaFlags("l") }
    /// `q`: no answer to what is nominal (`HD`; `EN` for `mg`).
    @inlinable public static var quiet: MetaFlags { MetaFlags("q") }
    /// `s`: return the value length.
    @inlinable public static var returnSize: MetaFlags { MetaFlags("s") }
    /// `t`: return the seconds left to live.
    @inlinable public static var returnTimeToLive: MetaFlags { MetaFlags("t") }
    /// `u`: the access does not count.
    @inlinable public static var noBump: MetaFlags { MetaFlags("u") }
    /// `v`: return the value.
    @inlinable public static var returnValue: MetaFlags { MetaFlags("v") }
    /// `x`: drop value and client flags, keep the item.
    @inlinable public static var dropValue: MetaFlags { MetaFlags("x") }
    /// `C(token)`: compare the CAS token.
    @inlinable public static var compareToken: MetaFlags { MetaFlags("C") }
    /// `D(delta)`: how much `ma` adds or takes away.
    @inlinable public static var delta: MetaFlags { MetaFlags("D") }
    /// `E(token)`: the CAS token the change leaves behind.
    @inlinable public static var explicitToken: MetaFlags { MetaFlags("E") }
    /// `F(flags)`: client flags.
    @inlinable public static var clientFlags: MetaFlags { MetaFlags("F") }
    /// `I`: invalidate; for `ms`, store as stale when the compared token is older.
    @inlinable public static var invalidate: MetaFlags { MetaFlags("I") }
    /// `J(number)`: what `ma` starts a missing item with.
    @inlinable public static var initialValue: MetaFlags { MetaFlags("J") }
    /// `M(mode)`.
    @inlinable public static var mode: MetaFlags { MetaFlags("M") }
    /// `N(seconds)`: create a missing item with this time to live.
    @inlinable public static var vivify: MetaFlags { MetaFlags("N") }
    /// `O(opaque)`: returned as it came.
    @inlinable public static var opaque: MetaFlags { MetaFlags("O") }
    /// `R(seconds)`: win when less is left to live.
    @inlinable public static var recache: MetaFlags { MetaFlags("R") }
    /// `T(seconds)`: time to live.
    @inlinable public static var timeToLive: MetaFlags { MetaFlags("T") }
    /// Those of `mg` that have no argument and need no look at the key.
    static var simple: MetaFlags {
        returned.union(quiet).union(noBump).union(returnValue)
    }
    /// Those of `mg` that ask for nothing but value, client flags, length, and what the request says itself.
    @inlinable public static var plain: MetaFlags {
        returnValue.union(returnClientFlags).union(returnSize).union(returnKey).union(opaque).union(quiet)
    }
    /// Those without argument that ask for something in the reply's line; `O` is answered as well.
    static var returned: MetaFlags {
        returnToken.union(returnClientFlags).union(returnHit).union(returnKey).union(returnLastAccess).union(returnSize)
            .union(returnTimeToLive).union(opaque)
    }
    /// `L(path)` and `P(path)`: hints for a proxy, accepted and without meaning here.
    @inlinable public static var hints: MetaFlags { MetaFlags("L").union(MetaFlags("P")) }
}

/// What `M` chose, after the letters and signs that mean the same have been folded.
@frozen
public enum MetaMode: UInt8, BitwiseCopyable, Sendable {
    /// No `M` given: `ms` sets, `ma` increments.
    case unspecified
    case set, add, append, prepend, replace
    case increment, decrement
}
