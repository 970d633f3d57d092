import NIOCore

/// Between calls and the servers: values too large for one item go in parts, and come back whole.
///
/// Rules:
/// 1. The parts are stored first and the key's own item last: who reads it finds them.
/// 2. A part that could not be stored fails the store, and the key's item stays as it was. If it was to be replaced
///    whatever it is, it is out of date, and its key remembered like that of any change that failed.
/// 3. A part that is gone, or is not what was stored, makes the value a miss: it is loaded anew.
/// 4. Values that are appended to are never cut.
/// 5. A life that the key's item is given is given to the parts as well. A server without the meta protocol does not say
///    when it touches an item that has parts: there a retrieval gives a life to all of them, and a touch does not.
/// 6. A retrieval that has won its item, and whose parts do not come, gives back what it has won: its caller has an
///    error, and nothing to give back.
extension CacheClient {
    func call(_ request: CacheRequest) async throws(CacheError) -> CacheReply {
        let cache = asOneCall
        guard let observer = core.configuration.observer else { return try await cache.callInParts(request) }
        return try await observed(observer, request) { () async throws(CacheError) in
            try await cache.callInParts(request)
        }
    }

    func calls(_ requests: [CacheRequest]) async -> [CallOutcome] {
        let cache = asOneCall
        guard let observer = core.configuration.observer else { return await cache.callInParts(requests) }
        return await observed(observer, requests) { await cache.callInParts(requests) }
    }

    private func callInParts(_ request: CacheRequest) async throws(CacheError) -> CacheReply {
        if let splitting = core.configuration.splitting, request.isCut(splitting) {
            let final = try await storeParts(request, splitting)
            return try await ask(final)
        }
        let reply = try await ask(request)
        return reply.hasParts ? try await completed(reply, request) : reply
    }

    /// The reply, once what was asked for has been done with the parts as well.
    private func completed(_ reply: CacheReply, _ request: CacheRequest) async throws(CacheError) -> CacheReply {
        do throws(CacheError) {
            guard request.verb == .touch else { return try await whole(reply, request) }
            try await touchParts(request)
            return reply
        } catch {
            giveBack(reply, request.key)
            throw error
        }
    }

    /// Rule 6: in a task and with a time of its own, because the caller may be cancelled, and its time over.
    private func giveBack(_ reply: CacheReply, _ key: CacheKey) {
        guard let claim = Claim(reply) else { return }
        let cache = self.timeout(self.timeout)
        core.tasks.begin { _ = try? await cache.ask(claim.release(of: key)) }
    }

    private func callInParts(_ requests: [CacheRequest]) async -> [CallOutcome] {
        var requests = requests
        var failures: [Int: CacheError] = [:]
        if let splitting = core.configuration.splitting {
            for place in requests.indices where requests[place].isCut(splitting) {
                do throws(CacheError) {
                    requests[place] = try await storeParts(requests[place], splitting)
                } catch {
                    // Its item must not change: a retrieval does no harm.
                    requests[place] = CacheRequest(.get, requests[place].key)
                    failures[place] = error
                }
            }
        }
        var outcomes = await ask(requests)
        for place in Self.placesOfParts(outcomes) where failures[place] == nil {
            guard case .success(let reply) = outcomes[place] else { continue }
            do throws(CacheError) {
                outcomes[place] = .success(try await completed(reply, requests[place]))
            } catch {
                outcomes[place] = .failure(error)
            }
        }
        for (place, error) in failures { outcomes[place] = .failure(error) }
        return outcomes
    }

    /// Looked at where they are: of many there are hardly any.
    private static func placesOfParts(_ outcomes: [CallOutcome]) -> [Int] {
        let outcomes = outcomes.span
        var places: [Int] = []
        for place in outcomes.indices where outcomes[place].hasParts { places.append(place) }
        return places
    }

    /// Rules 1 and 2: what is left to be stored.
    private func storeParts(
        _ request: CacheRequest, _ splitting: ValueSplitting
    ) async throws(CacheError) -> CacheRequest {
        do throws(CacheError) {
            return try await storeEachPart(request, splitting)
        } catch {
            // Of a version the caller knows that it is still there.
            if request.expectedToken == nil { remember(request, error) }
            throw error
        }
    }

    private func storeEachPart(
        _ request: CacheRequest, _ splitting: ValueSplitting
    ) async throws(CacheError) -> CacheRequest {
        let parts = ValueParts(of: request.value, splitting)
        var rest = request.value
        var stores: [CacheRequest] = []
        for index in 0..<parts.count {
            var store = CacheRequest(.set, parts.key(index, of: request.key))
            store.value = rest.readSlice(length: min(parts.partBytes, rest.readableBytes)) ?? ByteBuffer()
            store.exptime = request.exptime
            stores.append(store)
        }
        for outcome in await ask(stores) { _ = try outcome.get() }
        var final = request
        final.value = parts.encoded
        final.clientFlags |= ClientFlags.parts.rawValue
        return final
    }

    /// The reply with the value that its parts make; rule 3.
    private func whole(_ reply: CacheReply, _ request: CacheRequest) async throws(CacheError) -> CacheReply {
        var reply = reply
        let bytesMax = core.configuration.valueBytesMax
        guard let header = reply.value, let parts = ValueParts(decoding: header, bytesMax: bytesMax) else {
            throw CacheError(.undecodable, "no list of parts")
        }
        var pieces: [ByteBuffer] = []
        for (index, outcome) in await ask(parts.requests(.get, like: request)).enumerated() {
            let part = try outcome.get()
            if let bytes = part.value, bytes.readableBytes == parts.bytes(index) { pieces.append(bytes) }
        }
        guard let value = parts.joined(pieces) else {
            // To be loaded anew in its place, by whoever can.
            guard reply.token != nil else { return CacheReply(.missing) }
            reply.value = ByteBuffer()
            reply.clientFlags = 0
            reply.hasWon = true
            return reply
        }
        reply.value = value
        reply.clientFlags &= ~ClientFlags.parts.rawValue
        return reply
    }

    /// Rule 5.
    private func touchParts(_ request: CacheRequest) async throws(CacheError) {
        let list = try await ask(CacheRequest(.get, request.key))
        let bytesMax = core.configuration.valueBytesMax
        // Something else may have come meanwhile.
        guard list.hasParts, let parts = list.value.flatMap({ ValueParts(decoding: $0, bytesMax: bytesMax) }) else {
            return
        }
        for outcome in await ask(parts.requests(.touch, like: request)) { _ = try outcome.get() }
    }
}

extension ValueParts {
    /// One for each part; with the life that `request` gives, if it does.
    fileprivate func requests(_ verb: CacheRequest.Verb, like request: CacheRequest) -> [CacheRequest] {
        (0..<count).map { index in
            var part = CacheRequest(verb, key(index, of: request.key))
            part.exptime = request.exptime
            part.valueBytesMax = UInt32(clamping: bytes(index))
            return part
        }
    }

    /// Rule 3; nil if they do not make the value.
    fileprivate func joined(_ pieces: [ByteBuffer]) -> ByteBuffer? {
        guard pieces.count == count else { return nil }
        var value = ByteBuffer()
        value.reserveCapacity(length)
        for piece in pieces { value.writeImmutableBuffer(piece) }
        return Self.checksum(value) == checksum ? value : nil
    }
}

extension CacheRequest {
    fileprivate func isCut(_ splitting: ValueSplitting) -> Bool {
        guard valueBytes > splitting.bytesMax else { return false }
        switch verb {
        case .set, .add, .replace: return true
        default: return false
        }
    }
}

extension CallOutcome {
    fileprivate var hasParts: Bool { if case .success(let reply) = self { reply.hasParts } else { false } }
}

extension CacheReply {
    fileprivate var hasParts: Bool { ClientFlags(rawValue: clientFlags).contains(.parts) }
}
