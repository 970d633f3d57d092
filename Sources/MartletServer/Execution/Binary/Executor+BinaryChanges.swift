import MartletProtocol
import MartletStore

/// set, add, replace, append, prepend, delete, increment and decrement of the binary protocol.
extension UnsafeMutablePointer where Pointee == Executor {
    /// Stores a value that lies in the input.
    func storeBinary(
        _ request: Request, _ header: BinaryHeader, _ key: ItemKey, _ value: UnsafeRawBufferPointer,
        _ output: OutputPointer
    ) {
        if _slowPath(ignoresToken(request)) {
            return storeBinary(request.withoutToken(header), header, key, value, output)
        }
        finishBinaryStore(request, header, key, session.store(key, value, binaryStoreRequest(request)), output)
    }

    /// Stores a value that has arrived in a reservation.
    func commitBinary(
        _ reservation: consuming ItemReservation, _ request: Request, _ header: BinaryHeader, _ key: ItemKey,
        _ output: OutputPointer
    ) {
        if _slowPath(ignoresToken(request)) {
            return commitBinary(reservation, request.withoutToken(header), header, key, output)
        }
        if _slowPath(pointee.isWatched) { observeKey(key, request) }
        finishBinaryStore(request, header, key, session.commit(reservation, binaryStoreRequest(request)), output)
    }

    /// Answers a value that cannot be had. A `set` also removes what was stored before.
    func refuseBinaryValue(
        _ request: Request, _ header: BinaryHeader, _ key: ItemKey, _ status: BinaryStatus, _ output: OutputPointer
    ) {
        let isTooLarge = status == .tooLarge
        if isTooLarge {
            counters.pointee.commands.storeTooLarge.increment()
        } else {
            counters.pointee.commands.storeNoMemory.increment()
        }
        let opcode = BinaryOpcode(rawValue: header.opcode)
        if opcode == .set || opcode == .setQ { _ = session.delete(key) }
        if _slowPath(pointee.isWatched) { tellRefusedStore(request, key, isTooLarge: isTooLarge) }
        output.appendBinary(status, header)
    }

    /// Where tokens are hidden a store has none to compare with.
    @inline(__always)
    private func ignoresToken(_ request: Request) -> Bool { request.compareToken != 0 && pointee.hidesTokens }

    private func binaryStoreRequest(_ request: Request) -> StoreRequest {
        var store = StoreRequest(mode: .set, clientFlags: request.clientFlags, expiry: second(request.exptime))
        switch request.command {
        case .add: store.mode = .add
        case .replace: store.mode = .replace
        case .append: store.mode = .append
        case .prepend: store.mode = .prepend
        default: break
        }
        if request.compareToken != 0 { store.compareToken = .exactly(request.compareToken) }
        return store
    }

    private func finishBinaryStore(
        _ request: Request, _ header: BinaryHeader, _ key: ItemKey, _ outcome: StoreOutcome, _ output: OutputPointer
    ) {
        if outcome.result == .tooLarge || outcome.result == .noMemory, !isJoined(request, outcome.result) {
            return refuseBinaryValue(
                request, header, key, outcome.result == .tooLarge ? .tooLarge : .outOfMemory, output)
        }
        countStore(request, key, outcome)
        if _slowPath(pointee.isWatched) { tellStore(request, key, outcome) }
        switch outcome.result {
        case .stored:
            if !request.isQuiet { output.appendBinaryDone(header, token: shown(outcome.token)) }
        case .exists: output.appendBinary(.exists, header)
        case .notFound: output.appendBinary(.notFound, header)
        case .notStored, .tooLarge, .noMemory:
            switch request.command {
            case .add: output.appendBinary(.exists, header)
            case .replace: output.appendBinary(.notFound, header)
            default: output.appendBinary(.notStored, header)
            }
        }
    }

    func deleteBinary(_ request: Request, _ header: BinaryHeader, _ key: ItemKey, _ output: OutputPointer) {
        let compared = request.compareToken == 0 ? nil : comparable(request.compareToken)
        let outcome = session.delete(key, compareToken: compared)
        if _slowPath(pointee.isWatched), outcome.result == .done { tellDeletion(key, .delete) }
        switch outcome.result {
        case .exists: output.appendBinary(.exists, header)
        case .done:
            countDelete(outcome)
            if !request.isQuiet { output.appendBinaryDone(header) }
        case .notFound, .noMemory:
            countDelete(outcome)
            output.appendBinary(.notFound, header)
        }
    }

    func arithmeticBinary(_ request: Request, _ header: BinaryHeader, _ key: ItemKey, _ output: OutputPointer) {
        let isDecrement = request.command == .decr
        var wanted = ArithmeticRequest(delta: request.number, isDecrement: isDecrement)
        if request.compareToken != 0 { wanted.compareToken = comparable(request.compareToken) }
        if request.flags.contains(.vivify) {
            wanted.vivifyExpiry = second(request.vivifyExptime)
            wanted.vivifySeed = request.initialValue
        }
        let outcome = session.arithmetic(key, wanted)
        countArithmetic(outcome, isDecrement: isDecrement)
        switch outcome.result {
        case .changed, .vivified:
            if request.isQuiet { return }
            let start = output.pointee.reserve(BinaryReplyWriter.bytesMax)
            let body = BinaryReplyWriter.header(header, bodyBytes: 8, token: shown(outcome.token), at: start)
            output.pointee.advance(to: BinaryReplyWriter.longWord(outcome.value, at: body))
        case .notFound: output.appendBinary(.notFound, header)
        case .exists: output.appendBinary(.exists, header)
        case .nonNumeric: output.appendBinary(.nonNumeric, header)
        case .noMemory: output.appendBinary(.outOfMemory, header)
        }
    }
}

extension Request {
    /// The store that it is when its token is not looked at.
    @inline(never)
    fileprivate func withoutToken(_ header: BinaryHeader) -> Request {
        var plain = self
        plain.compareToken = 0
        plain.flags = MetaFlags(bits: flags.bits & ~MetaFlags.compareToken.bits)
        if let opcode = BinaryOpcode(rawValue: header.opcode) { plain.command = opcode.command }
        return plain
    }
}
