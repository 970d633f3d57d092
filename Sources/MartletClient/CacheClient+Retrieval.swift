import NIOCore

extension CacheClient {
    /// The value kept under `key`; nil if there is none.
    ///
    /// A value that was invalidated with a grace time counts as none for the first who asks, who should recache it; the
    /// others get the old one until then.
    public func value<Value: CacheValue & Sendable>(
        for key: CacheKey, as type: Value.Type = Value.self
    ) async throws(CacheError) -> Value? {
        let key = try await named(key)
        if let value = near?.value(for: key, as: type) { return value }
        let ticket = near?.ticket(for: key)
        let reply = try await call(CacheRequest(.get, key))
        guard let buffer = reply.usableValue, !reply.hasWon else { return nil }
        let value: Value = try decode(buffer, reply.clientFlags)
        if let ticket { near?.keep(value, for: key, ticket) }
        return value
    }

    /// The value kept under `key`, which from now on lives for `timeToLive`; nil for ever.
    ///
    /// A value that was invalidated with a grace time keeps that. It counts as none while nobody recaches it, which is
    /// left to those who load through the cache.
    public func value<Value: CacheValue & Sendable>(
        for key: CacheKey, as type: Value.Type = Value.self, extendingTimeToLive timeToLive: Duration?
    ) async throws(CacheError) -> Value? {
        var request = CacheRequest(.get, try await named(key))
        request.exptime = TimeToLive.exptime(timeToLive)
        request.facts = [.token, .life]
        let reply = try await look(request)
        guard let buffer = reply.usableValue, !reply.hasWon else { return nil }
        return try decode(buffer, reply.clientFlags)
    }

    /// The values kept under many keys, all of which from now on live for `timeToLive`; nil for ever.
    public func values<Value: CacheValue & Sendable>(
        for keys: some Sequence<CacheKey>, as type: Value.Type = Value.self, extendingTimeToLive timeToLive: Duration?
    ) async -> BatchResult<Value> {
        let exptime = TimeToLive.exptime(timeToLive)
        let ask = { (request: inout CacheRequest) in
            request.exptime = exptime
            request.facts = [.token, .life]
        }
        return await batch(keys, ask) { (reply, buffer) throws(CacheError) in
            reply.hasWon ? nil : try decode(buffer, reply.clientFlags)
        }
    }

    /// The values kept under many keys and what the servers know of them.
    public func items<Value: CacheValue & Sendable>(
        for keys: some Sequence<CacheKey>, as type: Value.Type = Value.self
    ) async -> BatchResult<CacheItem<Value>> {
        await batch(keys, { $0.facts = [.token, .life, .access] }) { (reply, buffer) throws(CacheError) in
            try item(reply, buffer)
        }
    }

    /// Retrieves many keys, each by a request that `ask` has completed; `result` is nil for what counts as nothing.
    private func batch<Result: Sendable>(
        _ keys: some Sequence<CacheKey>, _ ask: (inout CacheRequest) -> Void,
        _ result: (CacheReply, ByteBuffer) throws(CacheError) -> Result?
    ) async -> BatchResult<Result> {
        let keys = keys.unique()
        var batch = BatchResult<Result>()
        let names: [CacheKey]
        do throws(CacheError) {
            names = try await named(keys)
        } catch {
            for key in keys { batch.failures[key] = error }
            return batch
        }
        let requests = names.map { name in
            var request = CacheRequest(.get, name)
            ask(&request)
            return request
        }
        for (key, outcome) in zip(keys, await looks(requests)) {
            do throws(CacheError) {
                let reply = try outcome.get()
                if let buffer = reply.usableValue, let hit = try result(reply, buffer) {
                    batch.hits[key] = hit
                } else {
                    batch.misses.insert(key)
                }
            } catch {
                batch.failures[key] = error
            }
        }
        return batch
    }

    /// The value kept under `key` and what the server knows of it; nil if there is none.
    ///
    /// One that was invalidated with a grace time is told as such, and who asks need not recache it.
    public func item<Value: CacheValue & Sendable>(
        for key: CacheKey, as type: Value.Type = Value.self
    ) async throws(CacheError) -> CacheItem<Value>? {
        var request = CacheRequest(.get, try await named(key))
        request.facts = [.token, .life, .access]
        let reply = try await look(request)
        guard let buffer = reply.usableValue else { return nil }
        return try item(reply, buffer)
    }

    private func item<Value: CacheValue & Sendable>(
        _ reply: CacheReply, _ buffer: ByteBuffer
    ) throws(CacheError) -> CacheItem<Value> {
        CacheItem(
            value: try decode(buffer, reply.clientFlags), version: reply.token.map { CacheVersion(token: $0) },
            remainingTimeToLive: reply.secondsToLive.flatMap { $0 < 0 ? nil : .seconds($0) },
            isStale: reply.isStale, wasFetched: reply.wasFetched,
            lastAccess: reply.secondsSinceAccess.map { .seconds(Int64(clamping: $0)) })
    }

    func decode<Value: CacheValue>(_ buffer: ByteBuffer, _ flags: UInt32) throws(CacheError) -> Value {
        try decode(plain: try plain(buffer, flags), flags)
    }

    /// Of bytes that are as the value made them.
    func decode<Value: CacheValue>(plain buffer: ByteBuffer, _ flags: UInt32) throws(CacheError) -> Value {
        do {
            return try Value(decoding: buffer, clientFlags: flags)
        } catch {
            throw CacheError(.undecodable, "no \(Value.self)", underlying: error)
        }
    }

    /// The value's own bytes, without a date in front, and as long as they were.
    func plain(_ buffer: ByteBuffer, _ flags: UInt32) throws(CacheError) -> ByteBuffer {
        guard flags & ClientFlags.notPlain != 0 else { return buffer }
        var buffer = buffer
        if ClientFlags(rawValue: flags).contains(.dated), ValueDate(taking: &buffer) == nil {
            throw CacheError(.undecodable, "no date in front")
        }
        let mark = CompressionMark(clientFlags: flags)
        guard mark != .none else { return buffer }
        let own = core.configuration.compression?.codec
        let codec: (any CompressionCodec)? = own?.mark == mark ? own : mark == .lz4 ? LZ4Compression() : nil
        let bytesMax = core.configuration.valueBytesMax
        guard let codec, let value = CacheCompression.decompress(buffer, codec, bytesMax: bytesMax) else {
            throw CacheError(.undecodable, "compressed by codec \(mark.rawValue), or not as it was")
        }
        return value
    }

    /// - Parameter isWhole: Not a piece that goes to others.
    func encode(
        _ value: some CacheValue, isWhole: Bool = true, date: ValueDate? = nil
    ) throws(CacheError) -> (ByteBuffer, UInt32) {
        var buffer = ByteBuffer()
        var flags: UInt32
        do {
            flags = try value.encode(into: &buffer)
        } catch {
            throw CacheError(.unencodable, underlying: error)
        }
        guard buffer.readableBytes <= core.configuration.valueBytesMax else {
            throw CacheError(
                .tooLarge, "\(buffer.readableBytes) bytes, more than \(core.configuration.valueBytesMax)")
        }
        if isWhole, let (short, mark) = core.configuration.compression?.compress(buffer) {
            buffer = short
            flags |= mark.clientFlags
        }
        if let date {
            var dated = ByteBuffer()
            dated.reserveCapacity(buffer.readableBytes + ValueDate.bytes)
            date.write(into: &dated)
            dated.writeImmutableBuffer(buffer)
            buffer = dated
            flags |= ClientFlags.dated.rawValue
        }
        return (buffer, flags)
    }
}

extension CacheReply {
    /// The value, if it is one: what a lease left behind for those who wait is none, and neither is a note that there
    /// is nothing.
    var usableValue: ByteBuffer? {
        guard outcome == .done, let value, !isNothing else { return nil }
        return value.readableBytes == 0 && (hasWon || isBeingRecached) ? nil : value
    }

    /// It is known that there is nothing.
    var isNothing: Bool { ClientFlags(rawValue: clientFlags).contains(.nothing) }
}
