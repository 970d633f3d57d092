import MartletProtocol

/// What a meta reply can tell about an item, and which of it the command tells at all.
struct MetaFacts: BitwiseCopyable {
    /// Return flags the command knows; others are accepted on the line and not answered.
    let tells: MetaFlags
    var token: UInt64 = 0
    var clientFlags: UInt32 = 0
    var valueLength = 0
    /// Nil: never expires.
    var secondsLeft: UInt64?

    init(tells: MetaFlags) { self.tells = tells }

    /// Writes the flags the request asks for, in its order: with a status before them, they fit
    /// `ReplyWriter.lineBytesMax`.
    func append(
        _ request: Request, _ line: UnsafeRawPointer, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = start
        var order = request.returnOrder
        while order != 0 {
            let letter = UInt8(truncatingIfNeeded: order)
            order &>>= 8
            guard tells.contains(MetaFlags(letter: letter)) else { continue }
            cursor = append(letter, request, line, at: cursor)
        }
        return cursor
    }

    private func append(
        _ letter: UInt8, _ request: Request, _ line: UnsafeRawPointer, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        switch letter {
        case UInt8(ascii: "c"): ReplyWriter.flag(letter, token, at: cursor)
        case UInt8(ascii: "f"): ReplyWriter.flag(letter, UInt64(clientFlags), at: cursor)
        case UInt8(ascii: "s"): ReplyWriter.flag(letter, UInt64(truncatingIfNeeded: valueLength), at: cursor)
        case UInt8(ascii: "t"): ReplyWriter.timeToLive(secondsLeft, at: cursor)
        default: Self.appendGiven(letter, request, line, at: cursor)
        }
    }

    /// Writes what only repeats the request: `k` or `O`.
    @inline(__always)
    static func appendGiven(
        _ letter: UInt8, _ request: Request, _ line: UnsafeRawPointer, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        letter == UInt8(ascii: "k")
            ? ReplyWriter.key(request.key.bytes(in: line), isBase64: request.flags.contains(.binaryKey), at: cursor)
            : ReplyWriter.opaque(request.opaque.bytes(in: line), at: cursor)
    }
}

extension MetaFacts {
    /// What `ms` tells.
    static var ofStores: MetaFlags { ofKeys.union(.returnToken).union(.returnSize) }
    /// What `ma` tells.
    static var ofNumbers: MetaFlags { ofKeys.union(.returnToken).union(.returnTimeToLive) }
    /// What `md`, and any command that found nothing, tells.
    static var ofKeys: MetaFlags { MetaFlags.returnKey.union(.opaque) }
}

extension MetaFlags {
    /// The set holding the flag of a letter that the parser accepted.
    @inline(__always)
    init(letter: UInt8) { self.init(bits: 1 &<< UInt64(letter &- 65)) }
}
