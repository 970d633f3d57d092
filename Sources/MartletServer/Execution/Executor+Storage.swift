import MartletProtocol
import MartletStore

/// set, add, replace, append, prepend, cas and ms.
///
/// What the wire says becomes a `StoreRequest`; what the store says becomes a reply. A value is either wholly in the
/// input (`store`) or arrives in a reservation (the machine's, then `commit`).
extension UnsafeMutablePointer where Pointee == Executor {
    /// Stores a value that lies in the input.
    func store(
        _ request: Request, _ line: UnsafeRawPointer, _ key: ItemKey, _ value: UnsafeRawBufferPointer,
        _ output: OutputPointer
    ) {
        let outcome = session.store(key, value, storeRequest(request))
        finishStore(request, line, key, outcome, output)
    }

    /// Stores a value that has arrived in a reservation.
    func commit(
        _ reservation: consuming ItemReservation, _ request: Request, _ line: UnsafeRawPointer, _ key: ItemKey,
        _ output: OutputPointer
    ) {
        if _slowPath(pointee.isWatched) { observeKey(key, request) }
        let outcome = session.commit(reservation, storeRequest(request))
        finishStore(request, line, key, outcome, output)
    }

    /// Answers a data block that did not end where it should.
    func refuseDataBlock(_ request: Request, _ output: OutputPointer) {
        let slabClass = sentClass(request, keyCount: Int(request.key.count))
        counters.pointee.commands.slabClass(slabClass).pointee.sets.increment()
        output.append(.badDataChunk, unless: request.isQuiet && request.command != .metaSet)
    }

    /// Answers a value that cannot be had. `set`, and `ms` in any mode, also remove what was stored before: the client
    /// wanted it gone.
    func refuseValue(_ request: Request, _ key: ItemKey, _ reply: FixedReply, _ output: OutputPointer) {
        if reply == .tooLarge {
            counters.pointee.commands.storeTooLarge.increment()
        } else {
            counters.pointee.commands.storeNoMemory.increment()
        }
        if request.command == .set || request.command == .metaSet { _ = session.delete(key) }
        if _slowPath(pointee.isWatched) { tellRefusedStore(request, key, isTooLarge: reply == .tooLarge) }
        output.append(reply, unless: request.isQuiet && request.command != .metaSet)
    }

    // MARK: The request

    @inline(__always)
    private func storeRequest(_ request: Request) -> StoreRequest {
        if request.command == .metaSet { return metaStoreRequest(request) }
        var store = StoreRequest(mode: .set, clientFlags: request.clientFlags, expiry: second(request.exptime))
        switch request.command {
        case .add: store.mode = .add
        case .replace: store.mode = .replace
        case .append: store.mode = .append
        case .prepend: store.mode = .prepend
        case .cas: store.compareToken = comparable(request.compareToken)
        default: break
        }
        return store
    }

    private func metaStoreRequest(_ request: Request) -> StoreRequest {
        var store = StoreRequest(mode: .set, clientFlags: request.clientFlags, expiry: second(request.exptime))
        let compares = request.flags.contains(.compareToken)
        switch request.mode {
        case .add:
            store.mode = .add
        case .append, .prepend:
            store.mode = request.mode == .append ? .append : .prepend
            // Token 0 compares with nothing, and so does any where tokens are hidden.
            if compares, request.compareToken != 0, !pointee.hidesTokens {
                store.compareToken = .exactly(request.compareToken)
            }
            if request.flags.contains(.vivify) {
                store.vivifyExpiry = second(request.vivifyExptime)
            }
        default:
            // A compared replace asks the same as a compared set: whether this very version is there.
            if compares {
                store.compareToken = comparable(request.compareToken)
                store.storesStaleWhenOlder = request.flags.contains(.invalidate)
            } else if request.mode == .replace {
                store.mode = .replace
            }
        }
        // Of a store, `E0` asks for a token as any other.
        if request.flags.contains(.explicitToken), request.explicitToken != 0 {
            store.explicitToken = request.explicitToken
        }
        return store
    }

    // MARK: The reply

    @inline(__always)
    private func finishStore(
        _ request: Request, _ line: UnsafeRawPointer, _ key: ItemKey, _ outcome: StoreOutcome,
        _ output: OutputPointer
    ) {
        var outcome = outcome
        if outcome.result == .tooLarge || outcome.result == .noMemory {
            guard isJoined(request, outcome.result) else {
                let reply: FixedReply = outcome.result == .tooLarge ? .tooLarge : .outOfMemoryStoring
                return refuseValue(request, key, reply, output)
            }
            outcome.result = .notStored
        }
        countStore(request, key, outcome)
        if _slowPath(pointee.isWatched) { tellStore(request, key, outcome) }
        if request.command == .metaSet { return metaSetReply(request, line, outcome, output) }
        if request.isQuiet { return }
        switch outcome.result {
        case .stored: output.append(.stored)
        case .notStored: output.append(.notStored)
        case .exists: output.append(.exists)
        default: output.append(.notFound)
        }
    }

    /// Whether an append was refused for what it would have made, not for its own size.
    func isJoined(_ request: Request, _ result: StoreOutcome.Result) -> Bool {
        let ownBytes = Int(request.valueLength) + Int(request.key.count) + Limits.itemOverheadBytesMax
        return result == .tooLarge && request.joins && ownBytes <= pointee.server.pointee.settings.itemBytesMax
    }

    /// A store counts in the class of what was sent, whatever comes of it.
    func countStore(_ request: Request, _ key: ItemKey, _ outcome: StoreOutcome) {
        let counters = counters.pointee.commands.slabClass(outcome.slabClass)
        if _fastPath(outcome.result == .stored) {
            counters.pointee.sets.increment()
        } else {
            let slabClass = sentClass(request, keyCount: key.count)
            self.counters.pointee.commands.slabClass(slabClass).pointee.sets.increment()
        }
        let comparesOnly =
            request.command == .cas
            || (request.flags.contains(.compareToken) && request.mode != .add && !request.joins)
        guard comparesOnly else { return }
        switch outcome.result {
        case .stored: counters.pointee.casHits.increment()
        case .exists: counters.pointee.casMismatches.increment()
        default: self.counters.pointee.commands.casMisses.increment()
        }
    }

    private func sentClass(_ request: Request, keyCount: Int) -> Int {
        session.usualClass(
            keyCount: keyCount, valueLength: Int(request.valueLength), clientFlags: request.clientFlags,
            hasExpiry: request.exptime != 0)
    }

    private func metaSetReply(
        _ request: Request, _ line: UnsafeRawPointer, _ outcome: StoreOutcome, _ output: OutputPointer
    ) {
        let status: MetaStatus
        switch outcome.result {
        case .stored:
            if request.isQuiet { return }
            status = .done
        case .notStored: status = .notStored
        case .exists: status = .exists
        default: status = .notFound
        }
        var facts = MetaFacts(tells: MetaFacts.ofStores)
        facts.token = shown(outcome.token)
        facts.valueLength = outcome.result == .stored ? outcome.valueLength : Int(request.valueLength)
        let start = output.pointee.reserve(ReplyWriter.lineBytesMax)
        let cursor = facts.append(request, line, at: ReplyWriter.status(status, at: start))
        output.pointee.advance(to: WireWriter.lineEnd(at: cursor))
    }
}

extension Request {
    /// append or prepend, in either protocol.
    var joins: Bool {
        switch command {
        case .append, .prepend: true
        case .metaSet: mode == .append || mode == .prepend
        default: false
        }
    }
}
