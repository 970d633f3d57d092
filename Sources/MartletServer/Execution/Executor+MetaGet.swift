import MartletProtocol
import MartletStore

/// mg and me.
extension UnsafeMutablePointer where Pointee == Executor {
    /// Answers `mg`.
    ///
    /// 1. `h` and `l`, and `R` and `t` in front of `T`, go by what was before this access; all else by what is.
    /// 2. `T` gives a new expiry to an item that is there. One that is made has that of `N` or `T`, whichever stands
    ///    later on the line.
    /// 3. A value is not told to a client whose `C` says that it has this very version.
    /// 4. Somebody wins, once, when an item was vivified (`N`), has little left to live (`R`) or is stale (`md I`):
    ///    `W`. Who comes after the winner is told so: `Z`. Whoever finds a stale item is told that: `X`.
    /// 5. `q` hides a miss, never a hit.
    func metaGet(_ request: Request, _ line: UnsafeRawPointer, _ key: ItemKey, _ output: OutputPointer) {
        let touches = request.flags.contains(.timeToLive)
        let newExpiry = touches ? second(request.exptime) : nil
        var found = session.hold(key, bump: !request.flags.contains(.noBump), newExpiry: newExpiry)
        if found == nil {
            guard request.flags.contains(.vivify) else { return metaMiss(request, line, output) }
            let token = request.flags.contains(.explicitToken) ? request.explicitToken : nil
            found = session.vivify(key, expiry: vivifyExpiry(request), explicitToken: token)
        }
        guard let hold = consume found else { return metaMiss(request, line, output) }
        let slabClass = metaHit(request, line, hold, output)
        countHit(slabClass, isTouch: touches)
    }

    /// The expiry of an item that `N` makes.
    func vivifyExpiry(_ request: Request) -> UInt32 {
        let isTouchLast = request.flags.contains(.timeToLive) && !request.vivifiesBehindTouch
        return second(isTouchLast ? request.exptime : request.vivifyExptime)
    }

    /// Answers `mg` with no flags but plain ones, by a hold as small as that of `get`.
    @inline(__always)
    func metaGetPlain(_ request: Request, _ line: UnsafeRawPointer, hash: UInt64, _ output: OutputPointer) {
        let key = ItemKey(bytes: line + Int(request.key.offset), count: Int(request.key.count), hash: hash)
        guard let hold = session.holdValue(key) else { return metaMiss(request, line, output) }
        if hold.isSpecial {
            _ = consume hold
            return metaGet(request, line, key, output)
        }
        let (slabClass, length) = (hold.slabClass, hold.length)
        let tellsValue = request.flags.contains(.returnValue)
        let start = output.pointee.reserve(ReplyWriter.lineBytesMax &+ StoreSession.copiedValueBytesMax)
        var cursor =
            tellsValue ? ReplyWriter.valueStatus(length: length, at: start) : ReplyWriter.status(.done, at: start)
        var order = request.returnOrder
        while order != 0 {
            let letter = UInt8(truncatingIfNeeded: order)
            order &>>= 8
            switch letter {
            case UInt8(ascii: "f"): cursor = ReplyWriter.flag(letter, UInt64(hold.clientFlags), at: cursor)
            case UInt8(ascii: "s"):
                cursor = ReplyWriter.flag(letter, UInt64(truncatingIfNeeded: length), at: cursor)
            default: cursor = MetaFacts.appendGiven(letter, request, line, at: cursor)
            }
        }
        cursor = WireWriter.lineEnd(at: cursor)
        if tellsValue {
            cursor.copyMemory(from: hold.start, byteCount: length)
            cursor = WireWriter.lineEnd(at: cursor + length)
        }
        _ = consume hold
        output.pointee.advance(to: cursor)
        counters.pointee.commands.slabClass(slabClass).pointee.getHits.increment()
    }

    /// Writes the reply to `mg` for an item that is held; lets it go and returns its slab class.
    @inline(__always)
    private func metaHit(
        _ request: Request, _ line: UnsafeRawPointer, _ held: consuming ItemHold, _ output: OutputPointer
    ) -> Int {
        var hold = held
        let slabClass = hold.slabClass
        let length = hold.valueLength
        let token = shown(hold.token)
        let hasNewest = request.flags.contains(.compareToken) && request.compareToken == token
        let tellsValue = request.flags.contains(.returnValue) && !hasNewest
        let isCopied = tellsValue && !hold.isLeasable
        let start = output.pointee.reserve(ReplyWriter.lineBytesMax &+ (isCopied ? length : 0))
        var cursor =
            tellsValue ? ReplyWriter.valueStatus(length: length, at: start) : ReplyWriter.status(.done, at: start)
        if request.returnOrder != 0 { cursor = appendFacts(request, line, hold, at: cursor) }
        cursor = appendMarks(request, &hold, at: cursor)
        cursor = WireWriter.lineEnd(at: cursor)
        if isCopied {
            hold.copyValue(to: cursor)
            cursor = WireWriter.lineEnd(at: cursor + length)
        }
        output.pointee.advance(to: cursor)
        if tellsValue && !isCopied {
            output.pointee.append(lease: hold.lease())
            output.appendLineEnd()
        }
        return slabClass
    }

    /// Writes the return flags in the order asked for, each from what is held: most requests want one or two.
    @inline(__always)
    private func appendFacts(
        _ request: Request, _ line: UnsafeRawPointer, _ hold: borrowing ItemHold, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = start
        var order = request.returnOrder
        while order != 0 {
            let letter = UInt8(truncatingIfNeeded: order)
            order &>>= 8
            switch letter {
            case UInt8(ascii: "c"): cursor = ReplyWriter.flag(letter, shown(hold.token), at: cursor)
            case UInt8(ascii: "f"): cursor = ReplyWriter.flag(letter, UInt64(hold.clientFlags), at: cursor)
            case UInt8(ascii: "h"): cursor = ReplyWriter.flag(letter, hold.wasFetched ? 1 : 0, at: cursor)
            case UInt8(ascii: "l"):
                cursor = ReplyWriter.flag(letter, UInt64(session.now &- min(hold.lastAccess, session.now)), at: cursor)
            case UInt8(ascii: "s"):
                cursor = ReplyWriter.flag(letter, UInt64(truncatingIfNeeded: hold.valueLength), at: cursor)
            case UInt8(ascii: "t"):
                let expiry = request.returnsTimeToLiveBeforeTouch ? hold.expiryBefore : hold.expiry
                cursor = ReplyWriter.timeToLive(secondsLeft(expiry), at: cursor)
            default: cursor = MetaFacts.appendGiven(letter, request, line, at: cursor)
            }
        }
        return cursor
    }

    /// Rule 4.
    @inline(__always)
    private func appendMarks(
        _ request: Request, _ hold: inout ItemHold, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        if hold.isVivified { return ReplyWriter.flag(UInt8(ascii: "W"), at: start) }
        var cursor = start
        if hold.isWinSent {
            cursor = ReplyWriter.flag(UInt8(ascii: "Z"), at: cursor)
            return hold.isStale ? ReplyWriter.flag(UInt8(ascii: "X"), at: cursor) : cursor
        }
        var wins = hold.isStale
        if hold.isStale { cursor = ReplyWriter.flag(UInt8(ascii: "X"), at: cursor) }
        if request.flags.contains(.recache) {
            let expiry = request.recachesBeforeTouch ? hold.expiryBefore : hold.expiry
            if expiry != 0, expiry < second(request.recacheExptime) { wins = true }
        }
        guard wins else { return cursor }
        hold.setWinSent()
        return ReplyWriter.flag(UInt8(ascii: "W"), at: cursor)
    }

    private func metaMiss(_ request: Request, _ line: UnsafeRawPointer, _ output: OutputPointer) {
        counters.pointee.commands.getMisses.increment()
        if !request.isQuiet { appendKeyReply(.miss, request, line, output) }
    }

    /// Appends a status with nothing but key and opaque, as far as the request asks for them.
    func appendKeyReply(
        _ status: MetaStatus, _ request: Request, _ line: UnsafeRawPointer, _ output: OutputPointer
    ) {
        let start = output.pointee.reserve(ReplyWriter.lineBytesMax)
        let facts = MetaFacts(tells: MetaFacts.ofKeys)
        let cursor = facts.append(request, line, at: ReplyWriter.status(status, at: start))
        output.pointee.advance(to: WireWriter.lineEnd(at: cursor))
    }

    /// Seconds until `expiry`, nil for never.
    @inline(__always)
    func secondsLeft(_ expiry: UInt32) -> UInt64? {
        expiry == 0 ? nil : UInt64(expiry &- min(expiry, session.now))
    }

    // MARK: me

    /// Answers `me`, which looks at an item without touching it.
    func metaDebug(_ request: Request, _ line: UnsafeRawPointer, _ key: ItemKey, _ output: OutputPointer) {
        counters.pointee.commands.meta.increment()
        guard let hold = session.hold(key, bump: false) else { return output.append(.metaMiss) }
        let start = output.pointee.reserve(ReplyWriter.lineBytesMax)
        let end = ReplyWriter.debugLine(
            key: request.key.bytes(in: line), secondsLeft: secondsLeft(hold.expiry).map { Int64($0) },
            secondsSinceAccess: UInt64(session.now &- min(hold.lastAccess, session.now)), token: shown(hold.token),
            wasFetched: hold.wasFetched, slabClass: hold.slabClass, itemBytes: hold.itemSize, at: start)
        output.pointee.advance(to: end)
    }
}
