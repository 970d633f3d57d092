/// The 32 bits that a memcached item carries for its clients, as this one uses them.
///
///     bits   31        30      29      28   27   24  23      22         0
///           +---------+-------+-----------+-------+---------+------------+
///           | nothing | parts | short by  | codec | dated   | 0          |
///           +---------+-------+-----------+-------+---------+------------+
///
/// Other clients keep what they know of a value in the low bits, so these stay 0. A value without any of ours is taken
/// as its bytes, whoever stored it.
struct ClientFlags: OptionSet, Sendable {
    let rawValue: UInt32

    /// There is no value, and that is known: what a load that found nothing leaves behind.
    static let nothing = ClientFlags(rawValue: 1 << 31)

    /// The value lies in other items, and here is how to find them: `ValueParts`.
    static let parts = ClientFlags(rawValue: 1 << 30)

    /// In front of the value stands when it is due to be loaded anew: `ValueDate`.
    static let dated = ClientFlags(rawValue: 1 << 23)

    /// Anything that stands between an item's bytes and the value's.
    static let notPlain: UInt32 = dated.rawValue | 3 << 28
}

/// How a value became bytes: bits 24 to 27 of the client flags.
public struct CodecMark: RawRepresentable, Hashable, Sendable {
    /// 0...15.
    public let rawValue: UInt8

    /// nil beyond 15.
    public init?(rawValue: UInt8) {
        guard rawValue < 16 else { return nil }
        self.rawValue = rawValue
    }

    private init(_ rawValue: UInt8) { self.rawValue = rawValue }

    /// The bytes are the value.
    public static let plain = CodecMark(0)
    /// The bytes are JSON.
    public static let json = CodecMark(1)

    /// The client flags that say so.
    public var clientFlags: UInt32 { UInt32(rawValue) << 24 }

    /// Reads it out of an item's flags.
    public init(clientFlags: UInt32) { rawValue = UInt8(truncatingIfNeeded: clientFlags >> 24 & 15) }
}
