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
    public func value<Value: CacheValue & Sendable>(
        for key: CacheKey, as type: Value.Type = Value.self, extendingTimeToLive timeToLive: Duration?
    ) async throws(CacheError) -> Value? {
        var request = CacheRequest(.get, try await named(key))
        request.exptime = TimeToLive.exptime(timeToLive)
        let reply = try await call(request)
        guard let buffer = reply.usableValue, !reply.hasWon else { return nil }
        return try decode(buffer, reply.clientFlags)
    }

    /// The value kept under `key` and what the server knows of it; nil if there is none.
    public func item<Value: CacheValue & Sendable>(
        for key: CacheKey, as type: Value.Type = Value.self
    ) async throws(CacheError) -> CacheItem<Value>? {
        var request = CacheRequest(.get, try await named(key))
        request.facts = [.token, .life, .access]
        let reply = try await call(request)
        guard let buffer = reply.usableValue else { return nil }
        return CacheItem(
            value: try decode(buffer, reply.clientFlags), version: reply.token.map { CacheVersion(token: $0) },
            remainingTimeToLive: reply.secondsToLive.flatMap { $0 < 0 ? nil : .seconds($0) },
            isStale: reply.isStale, wasFetched: reply.wasFetched,
            lastAccess: reply.secondsSinceAccess.map { .seconds(Int64(clamping: $0)) })
    }

    /// The values kept under many keys: each server is asked for all of its own at once, and all servers together.
    ///
    /// Never throws: a key that was not answered in time is among the failures, and the others are not the worse for it.
    public func values<Value: CacheValue & Sendable>(
        for keys: some Sequence<CacheKey>, as type: Value.Type = Value.self
    ) async -> BatchResult<Value> {
        var keys = Array(Set(keys))
        var result = BatchResult<Value>()
        var names: [CacheKey]
        do throws(CacheError) {
            names = try await named(keys)
        } catch {
            for key in keys { result.failures[key] = error }
            return result
        }
        if let near {
            for (key, name) in zip(keys, names) { result.hits[key] = near.value(for: name, as: type) }
            let isThere = keys.map { result.hits[$0] != nil }
            keys = zip(keys, isThere).filter { !$1 }.map(\.0)
            names = zip(names, isThere).filter { !$1 }.map(\.0)
        }
        let tickets = near.map { near in names.map { near.ticket(for: $0) } }
        let outcomes = await calls(names.map { CacheRequest(.get, $0) })
        for (place, (key, outcome)) in zip(keys, outcomes).enumerated() {
            do throws(CacheError) {
                let reply = try outcome.get()
                if let buffer = reply.usableValue, !reply.hasWon {
                    let value: Value = try decode(buffer, reply.clientFlags)
                    result.hits[key] = value
                    if let tickets { near?.keep(value, for: names[place], tickets[place]) }
                } else {
                    result.misses.insert(key)
                }
            } catch {
                result.failures[key] = error
            }
        }
        return result
    }

    func decode<Value: CacheValue>(_ buffer: ByteBuffer, _ flags: UInt32) throws(CacheError) -> Value {
        var buffer = buffer
        if flags & ClientFlags.notPlain != 0 { buffer = try plain(buffer, flags) }
        do {
            return try Value(decoding: buffer, clientFlags: flags)
        } catch {
            throw CacheError(.undecodable, "no \(Value.self)", underlying: error)
        }
    }

    /// The value's own bytes, without a date in front, and as long as they were.
    private func plain(_ buffer: ByteBuffer, _ flags: UInt32) throws(CacheError) -> ByteBuffer {
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
    /// The value, if it is one: what a lease left behind for those who wait is none, and neither is a note that there is
    /// nothing.
    var usableValue: ByteBuffer? {
        guard outcome == .done, let value, !isNothing else { return nil }
        return value.readableBytes == 0 && (hasWon || isBeingRecached) ? nil : value
    }

    /// It is known that there is nothing.
    var isNothing: Bool { ClientFlags(rawValue: clientFlags).contains(.nothing) }
}
