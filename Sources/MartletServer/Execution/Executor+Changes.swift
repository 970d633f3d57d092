import MartletProtocol
import MartletStore

/// touch, delete, incr and decr.
extension UnsafeMutablePointer where Pointee == Executor {
    func touch(_ request: Request, _ key: ItemKey, _ output: OutputPointer) {
        guard let hold = session.hold(key, bump: true, newExpiry: second(request.exptime)) else {
            countMiss(isTouch: true)
            return output.append(.notFound, unless: request.isQuiet)
        }
        let slabClass = hold.slabClass
        _ = consume hold
        countHit(slabClass, isTouch: true)
        output.append(.touched, unless: request.isQuiet)
    }

    func delete(_ request: Request, _ key: ItemKey, _ output: OutputPointer) {
        let outcome = session.delete(key)
        countDelete(outcome)
        if _slowPath(pointee.isWatched), outcome.result == .done { tellDeletion(key, .delete) }
        output.append(outcome.result == .done ? .deleted : .notFound, unless: request.isQuiet)
    }

    func countDelete(_ outcome: DeleteOutcome) {
        if outcome.result == .done {
            counters.pointee.commands.slabClass(outcome.slabClass).pointee.deleteHits.increment()
        } else {
            counters.pointee.commands.deleteMisses.increment()
        }
    }

    func arithmetic(_ request: Request, _ key: ItemKey, _ output: OutputPointer) {
        let isDecrement = request.command == .decr
        let outcome = session.arithmetic(key, ArithmeticRequest(delta: request.number, isDecrement: isDecrement))
        countArithmetic(outcome, isDecrement: isDecrement)
        if request.isQuiet { return }
        switch outcome.result {
        case .changed, .vivified:
            let start = output.pointee.reserve(ReplyWriter.lineBytesMax)
            output.pointee.advance(to: ReplyWriter.numberLine(outcome.value, at: start))
        case .notFound, .exists: output.append(.notFound)
        case .nonNumeric: output.append(.nonNumeric)
        case .noMemory: output.append(.outOfMemory)
        }
    }

    /// An item that was created, did not match or is no number is neither hit nor miss.
    func countArithmetic(_ outcome: ArithmeticOutcome, isDecrement: Bool) {
        switch outcome.result {
        case .changed:
            let slabClass = counters.pointee.commands.slabClass(outcome.slabClass)
            if isDecrement {
                slabClass.pointee.decrHits.increment()
            } else {
                slabClass.pointee.incrHits.increment()
            }
        case .notFound:
            if isDecrement {
                counters.pointee.commands.decrMisses.increment()
            } else {
                counters.pointee.commands.incrMisses.increment()
            }
        case .vivified, .exists, .nonNumeric, .noMemory: break
        }
    }
}
