import MartletStore

/// Whoever has a session: the store's operations with keys and values as strings and arrays.
package protocol StoreUser {
    var session: StoreSession { get }
}

/// A session for one thread.
package struct StoreClient: StoreUser, @unchecked Sendable {
    // Sendable: made on one thread, used by the one it is handed to.
    package let session: StoreSession

    package init(session: StoreSession) {
        self.session = session
    }
}

extension StoreUser {
    package func withKey<Result: ~Copyable>(_ key: [UInt8], _ body: (ItemKey) -> Result) -> Result {
        let start = UnsafeMutableRawPointer.allocate(byteCount: max(1, key.count), alignment: 1)
        defer { start.deallocate() }
        start.copyMemory(from: key, byteCount: key.count)
        return body(ItemKey(bytes: start, count: key.count, hash: session.hash(start, key.count)))
    }

    package func withKey<Result: ~Copyable>(_ key: String, _ body: (ItemKey) -> Result) -> Result {
        withKey(Array(key.utf8), body)
    }

    // MARK: Storing

    package func store(
        _ key: String, _ value: [UInt8], _ request: StoreRequest = StoreRequest(mode: .set)
    ) -> StoreOutcome {
        withKey(key) { key in value.withUnsafeBytes { session.store(key, $0, request) } }
    }

    package func store(
        _ key: String, _ value: String, _ request: StoreRequest = StoreRequest(mode: .set)
    ) -> StoreOutcome {
        store(key, Array(value.utf8), request)
    }

    /// The same through a reservation that is filled in pieces of `pieceBytes`.
    package func storeInPieces(
        _ key: String, _ value: [UInt8], _ request: StoreRequest = StoreRequest(mode: .set), pieceBytes: Int = 1000
    ) -> StoreOutcome {
        withKey(key) { storeInPieces($0, value, request, pieceBytes: pieceBytes) }
    }

    package func storeInPieces(
        _ key: ItemKey, _ value: [UInt8], _ request: StoreRequest, pieceBytes: Int
    ) -> StoreOutcome {
        switch session.reserve(key, valueLength: value.count) {
        case .tooLarge: return StoreOutcome(.tooLarge)
        case .noMemory: return StoreOutcome(.noMemory)
        case .noRoom: return StoreOutcome(.noMemory)
        case .reserved(var reservation):
            guard fillReservation(&reservation, value, pieceBytes: pieceBytes) else { return StoreOutcome(.noMemory) }
            return session.commit(reservation, request)
        }
    }

    // MARK: Reading

    package func value(_ key: String, bump: Bool = true) -> [UInt8]? {
        hold(key, bump: bump) { $0.bytes }
    }

    package func text(_ key: String) -> String? {
        value(key).map { String(decoding: $0, as: UTF8.self) }
    }

    package func token(_ key: String) -> UInt64? {
        hold(key, bump: false) { $0.token }
    }

    /// What `body` sees of the held item, nil for a miss.
    package func hold<Result>(
        _ key: String, bump: Bool = true, newExpiry: UInt32? = nil, _ body: (borrowing ItemHold) -> Result
    ) -> Result? {
        withKey(key) { key in
            guard let hold = session.hold(key, bump: bump, newExpiry: newExpiry) else { return nil }
            return body(hold)
        }
    }

    /// A lease on the item of `key`, nil without a leasable one.
    package func lease(_ key: String) -> ItemLease? {
        withKey(key) { key -> ItemLease? in
            guard let hold = session.hold(key), hold.isLeasable else { return nil }
            return hold.lease()
        }
    }

    /// The same for a collection.
    package func heldLease(_ key: String) -> HeldLease? {
        guard let lease = lease(key) else { return nil }
        return HeldLease(lease)
    }

    // MARK: Changing

    package func delete(_ key: String, compareToken: ComparedToken? = nil) -> DeleteOutcome.Result {
        withKey(key) { session.delete($0, compareToken: compareToken).result }
    }

    package func touch(_ key: String, _ expiry: UInt32) -> Bool {
        hold(key, newExpiry: expiry) { _ in true } ?? false
    }

    package func invalidate(_ key: String, _ request: InvalidateRequest) -> DeleteOutcome.Result {
        withKey(key) { session.invalidate($0, request).result }
    }

    package func add(
        _ key: String, _ delta: UInt64, isDecrement: Bool = false, compareToken: ComparedToken? = nil
    ) -> ArithmeticOutcome {
        let request = ArithmeticRequest(delta: delta, isDecrement: isDecrement, compareToken: compareToken)
        return withKey(key) { session.arithmetic($0, request) }
    }
}

/// Fills what is left of a reservation for `value`; false if there is no memory.
package func fillReservation(
    _ reservation: inout ItemReservation, _ value: [UInt8], pieceBytes: Int = .max
) -> Bool {
    while reservation.remaining > 0 {
        let span = reservation.writableSpan()
        if span.isEmpty { return false }
        let count = min(span.count, pieceBytes)
        let start = value.count - reservation.remaining
        span.copyBytes(from: value[start..<start + count])
        reservation.advance(count)
    }
    return true
}

extension ItemHold {
    /// A copy of the whole value.
    package var bytes: [UInt8] {
        // The empty array is one for all threads, which the thread sanitizer does not know.
        if valueLength == 0 { return [] }
        return [UInt8](unsafeUninitializedCapacity: valueLength) { buffer, count in
            if let start = buffer.baseAddress { copyValue(to: start) }
            count = valueLength
        }
    }
}

extension ItemLease {
    /// A copy of the whole value.
    package var bytes: [UInt8] {
        var result: [UInt8] = []
        forEachSpan(from: 0) {
            result.append(contentsOf: $0)
            return true
        }
        return result
    }
}

/// A lease in a collection.
package final class HeldLease: Sendable {
    package let lease: ItemLease

    package init(_ lease: consuming ItemLease) {
        self.lease = lease
    }
}
