import MartletProtocol
import MartletStore

/// One complete command of a batch.
extension ConnectionMachine {
    /// Carries out a request whose data block, if any, is there. Nil: go on with the next one.
    @inline(__always)
    mutating func carryOut(
        _ place: UnsafeMutablePointer<BatchedRequest>, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> MachineStep.Disposition? {
        if _slowPath(executor.pointee.isWatched), longAnswer == nil { executor.observe(place) }
        if place.pointee.outcome == .refused { return refuse(place, executor, output) }
        switch place.pointee.request.command {
        case .get:
            guard place.pointee.request.arguments.count == place.pointee.request.key.count else {
                return answerList(place, executor, output)
            }
            executor.getOne(place.pointee.request, place.pointee.line, hash: place.pointee.hash, output)
        case .gets, .gat, .gats:
            guard place.pointee.request.arguments.count == place.pointee.request.key.count else {
                return answerList(place, executor, output)
            }
            executor.retrieveOne(place.pointee.request, place.pointee.line, hash: place.pointee.hash, output)
        case .set, .add, .replace, .append, .prepend, .cas, .metaSet:
            store(place, executor, output)
        case .metaGet where place.pointee.request.flags.bits & ~MetaFlags.plain.bits == 0:
            executor.metaGetPlain(place.pointee.request, place.pointee.line, hash: place.pointee.hash, output)
        case .administration, .stats:
            return administer(place, executor, output)
        default:
            let goesOn = executor.execute(place.pointee.request, place.pointee.line, hash: place.pointee.hash, output)
            if !goesOn {
                if place.pointee.request.command == .shutdown { closeReason = .shutdown }
                return .close
            }
        }
        return nil
    }

    /// Answers a list of keys, or the next part of it.
    private mutating func answerList(
        _ place: UnsafeMutablePointer<BatchedRequest>, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> MachineStep.Disposition? {
        if listEnd == 0, _slowPath(executor.pointee.boundsReplies), executor.refuses(place, output) { return nil }
        let progress = executor.retrieveList(place.pointee.request, place.pointee.line, behind: listEnd, output)
        switch progress {
        case .finished:
            listEnd = 0
            return nil
        case .outputFull(let end):
            listEnd = end
            return .outputFull
        case .turnOver(let end):
            listEnd = end
            return .yield
        }
    }

    private func store(
        _ place: UnsafeMutablePointer<BatchedRequest>, _ executor: ExecutorPointer, _ output: OutputPointer
    ) {
        let value = UnsafeRawBufferPointer(
            start: place.pointee.line + Int(place.pointee.request.lineBytes),
            count: Int(place.pointee.request.valueLength))
        guard Self.endsLine(place.pointee.line + (place.pointee.bytes &- 2)) else {
            return executor.refuseDataBlock(place.pointee.request, output)
        }
        let key = executor.key(place.pointee.request, place.pointee.line, hash: place.pointee.hash)
        executor.store(place.pointee.request, place.pointee.line, key, value, output)
    }

    /// Whether CR LF stands at `bytes`.
    static func endsLine(_ bytes: UnsafeRawPointer) -> Bool {
        bytes.loadUnaligned(as: UInt16.self) == (0x0A0D as UInt16).littleEndian
    }

    /// Answers a line that cannot be carried out, and skips its data block.
    private mutating func refuse(
        _ place: UnsafeMutablePointer<BatchedRequest>, _ executor: ExecutorPointer, _ output: OutputPointer
    ) -> MachineStep.Disposition? {
        let refusal = place.pointee.request.refusal
        var reply = refusal.reply
        if place.pointee.request.command == .flushAll {
            executor.countFlush()
            // Whether there is flushing at all is answered first.
            if !executor.pointee.server.pointee.settings.allowsFlush { reply = .flushNotAllowed }
        }
        output.append(reply, unless: refusal.isSilent)
        if refusal.closes {
            closeReason = .error
            return .close
        }
        let blockBytes = Int(refusal.swallowBytes)
        if blockBytes > executor.pointee.swallowBytesMax { return .close }
        swallowBytes = Int(place.pointee.request.lineBytes) &+ blockBytes &- place.pointee.bytes
        return nil
    }
}
