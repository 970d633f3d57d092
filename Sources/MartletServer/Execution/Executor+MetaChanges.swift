import MartletProtocol
import MartletStore

/// md and ma.
extension UnsafeMutablePointer where Pointee == Executor {
    /// Answers `md`: deletes, marks stale (`I`), or leaves an empty item (`x`).
    func metaDelete(_ request: Request, _ line: UnsafeRawPointer, _ key: ItemKey, _ output: OutputPointer) {
        let compareToken = request.flags.contains(.compareToken) ? comparedShown(request.compareToken) : nil
        let marksStale = request.flags.contains(.invalidate)
        let dropsValue = request.flags.contains(.dropValue)
        let outcome: DeleteOutcome
        if marksStale || dropsValue {
            let token = request.flags.contains(.explicitToken) ? request.explicitToken : nil
            var newExpiry: UInt32?
            if request.flags.contains(.timeToLive) {
                newExpiry = second(request.exptime)
            } else if dropsValue {
                newExpiry = 0
            }
            outcome = session.invalidate(
                key,
                InvalidateRequest(
                    compareToken: compareToken, explicitToken: token, marksStale: marksStale, dropsValue: dropsValue,
                    clientFlags: request.clientFlags, newExpiry: newExpiry))
            // A stale item is still there: nothing was deleted.
            if _slowPath(pointee.isWatched), !marksStale, outcome.result == .done {
                tellEmptied(key, slabClass: outcome.slabClass)
            }
        } else {
            outcome = session.delete(key, compareToken: compareToken)
            if _slowPath(pointee.isWatched), outcome.result == .done { tellDeletion(key, .metaDelete) }
        }
        if !(marksStale && outcome.result == .done) { countDelete(outcome) }
        switch outcome.result {
        case .done:
            if !request.isQuiet { appendKeyReply(.done, request, line, output) }
        case .notFound: appendKeyReply(.notFound, request, line, output)
        case .exists: appendKeyReply(.exists, request, line, output)
        case .noMemory: output.append(.outOfMemory)
        }
    }

    /// Answers `ma`.
    func metaArithmetic(
        _ request: Request, _ line: UnsafeRawPointer, _ key: ItemKey, _ output: OutputPointer
    ) {
        let isDecrement = request.mode == .decrement
        var wanted = ArithmeticRequest(delta: request.number, isDecrement: isDecrement)
        // Token 0 compares with nothing.
        if request.flags.contains(.compareToken), request.compareToken != 0 {
            wanted.compareToken = comparable(request.compareToken)
        }
        if request.flags.contains(.explicitToken) { wanted.explicitToken = request.explicitToken }
        if request.flags.contains(.timeToLive) { wanted.newExpiry = second(request.exptime) }
        if request.flags.contains(.vivify) {
            wanted.vivifyExpiry = vivifyExpiry(request)
            wanted.vivifySeed = request.initialValue
        }
        let outcome = session.arithmetic(key, wanted)
        countArithmetic(outcome, isDecrement: isDecrement)
        switch outcome.result {
        case .changed, .vivified:
            if !request.isQuiet { appendNumber(outcome, request, line, output) }
        case .notFound: appendKeyReply(.notFound, request, line, output)
        case .exists: appendKeyReply(.exists, request, line, output)
        case .nonNumeric: output.append(.nonNumeric)
        case .noMemory: output.append(.outOfMemory)
        }
    }

    private func appendNumber(
        _ outcome: ArithmeticOutcome, _ request: Request, _ line: UnsafeRawPointer, _ output: OutputPointer
    ) {
        var facts = MetaFacts(tells: MetaFacts.ofNumbers)
        facts.token = shown(outcome.token)
        facts.secondsLeft = secondsLeft(outcome.expiry)
        let tellsValue = request.flags.contains(.returnValue)
        let start = output.pointee.reserve(ReplyWriter.lineBytesMax)
        var cursor =
            tellsValue
            ? ReplyWriter.valueStatus(length: WireWriter.digitCount(outcome.value), at: start)
            : ReplyWriter.status(.done, at: start)
        cursor = WireWriter.lineEnd(at: facts.append(request, line, at: cursor))
        if tellsValue { cursor = ReplyWriter.numberLine(outcome.value, at: cursor) }
        output.pointee.advance(to: cursor)
    }
}
