/// incr, decr, ma.
///
/// 1. The value must be a number as C's strtoull reads it: digits that fit in 64 bits, with white space and a sign in
///    front or not. Behind it may be white space and zero bytes only: a result shorter than the value is padded with
///    blanks on the right, and the length stays.
/// 2. A result that fits is written in place, with a new token, under one hold: value and token always belong together.
/// 3. A longer one is published as a new version (StoreSession+Rebuild.swift).
/// 4. Stale and win marks stay either way.
extension StoreSession {
    package func arithmetic(_ key: ItemKey, _ request: ArithmeticRequest) -> ArithmeticOutcome {
        let stripe = core.pointee.table.stripe(key.hash)
        while true {
            guard let slot = lockAndFind(key, stripe, isLookup: true) else {
                stripe.unlock()
                core.passHook()
                guard let outcome = vivifyNumber(key, request) else { continue }
                return outcome
            }
            let item = core.pointee.arena.item(slot.handle)
            if let compare = request.compareToken, !compare.matches(item.token) {
                stripe.unlock()
                core.passHook()
                return ArithmeticOutcome(.exists)
            }
            guard let old = numberLocked(item) else {
                stripe.unlock()
                core.passHook()
                return ArithmeticOutcome(.nonNumeric)
            }
            let new = request.isDecrement ? (old > request.delta ? old - request.delta : 0) : old &+ request.delta
            var digits = DecimalDigits(new)
            if let outcome = writeLocked(slot, item, key, new, &digits, request, stripe) {
                stripe.unlock()
                core.passHook()
                return outcome
            }
            let version = captureLocked(slot.handle, item)
            stripe.unlock()
            core.passHook()
            if let outcome = publishNumber(key, version, new, &digits, request) { return outcome }
        }
    }

    /// Rule 1. The value of a small item as a number.
    private func numberLocked(_ item: ItemPointer) -> UInt64? {
        let itemState = item.state
        if itemState.has(ItemState.isLarge) { return nil }
        let length = item.smallLength
        let value = item.value(itemState)
        var index = 0
        guard let number = Self.digits(value, &index, length) else { return nil }
        if index == 0 { return Self.spacedNumber(value, length) }
        while index < length {
            if (value + index).load(as: UInt8.self) != 0x20 { return Self.spacedNumber(value, length) }
            index += 1
        }
        return number
    }

    /// The number of the digits from `index` on, which is behind them then; nil if it has more than 64 bits.
    @inline(__always)
    private static func digits(_ value: UnsafeMutableRawPointer, _ index: inout Int, _ length: Int) -> UInt64? {
        var number: UInt64 = 0
        while index < length {
            let digit = (value + index).load(as: UInt8.self) &- 0x30
            if digit > 9 { break }
            let (product, overflowed) = number.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(UInt64(digit))
            if overflowed || carried { return nil }
            number = sum
            index += 1
        }
        return number
    }

    /// Rule 1 for what is more than digits with blanks behind.
    @inline(never)
    private static func spacedNumber(_ value: UnsafeMutableRawPointer, _ length: Int) -> UInt64? {
        var index = 0
        while index < length, isSpace((value + index).load(as: UInt8.self)) { index += 1 }
        let sign = index < length ? (value + index).load(as: UInt8.self) : 0
        let isNegative = sign == UInt8(ascii: "-")
        if isNegative || sign == UInt8(ascii: "+") { index += 1 }
        let start = index
        guard let number = digits(value, &index, length), index > start else { return nil }
        while index < length {
            let byte = (value + index).load(as: UInt8.self)
            guard byte == 0 || isSpace(byte) else { return nil }
            index += 1
        }
        if !isNegative { return number }
        // strtoull wraps a negative number; memcached refuses what then looks like one.
        let wrapped = 0 &- number
        return wrapped > UInt64(Int64.max) ? nil : wrapped
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 0x09 <= 0x0d - 0x09 }

    /// Rule 2; nil if the chunk has not the room, or not the words the request needs.
    private func writeLocked(
        _ slot: Slot, _ item: ItemPointer, _ key: ItemKey, _ new: UInt64, _ digits: inout DecimalDigits,
        _ request: ArithmeticRequest, _ stripe: UnsafeMutablePointer<Stripe>
    ) -> ArithmeticOutcome? {
        let itemState = item.state
        let length = item.smallLength
        let slabClass = slabClass(of: slot.handle)
        let room = Int(core.pointee.geometry.chunkBytes[slabClass]) - itemState.keyOffset - key.count
        // In lists an item's size is fixed.
        guard digits.count <= (state.pointee.notes == nil ? max(length, room) : length),
            request.explicitToken == nil || itemState.has(ItemState.hasSequence),
            (request.newExpiry ?? 0) == 0 || itemState.has(ItemState.hasExpiry)
        else { return nil }

        let value = item.value(itemState)
        digits.withBytes { value.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        if digits.count < length {
            (value + digits.count).initializeMemory(as: UInt8.self, repeating: 0x20, count: length - digits.count)
        } else if digits.count > length {
            item.smallLength = digits.count
            core.account(slot.handle, bytes: digits.count - length, state)
        }
        let sequence = stripe.issueTokenLocked()
        item.setSequence(sequence, itemState)
        item.token = request.explicitToken ?? sequence
        if let explicit = request.explicitToken { stripe.raiseSequenceLocked(to: explicit) }
        if let newExpiry = request.newExpiry, itemState.has(ItemState.hasExpiry) {
            item.setExpiry(newExpiry)
            core.noteExpiry(slot.handle, newExpiry, now: state.pointee.now)
        }
        core.sealLocked(slot.handle, item, itemState)
        countHitUnfetched(item)
        return ArithmeticOutcome(
            .changed, value: new, token: item.token, expiry: item.expiry(itemState), slabClass: slabClass)
    }

    /// A hit for eviction that is no fetch.
    func countHitUnfetched(_ item: ItemPointer) {
        let before = item.access
        if state.pointee.notes != nil {
            _ = item.exchangeAccess(expected: before, desired: before.with(second: state.pointee.now))
            return
        }
        let fetched = before.raw & AccessWord.fetchedBit
        let after = AccessWord(raw: before.hit(now: state.pointee.now).raw & ~AccessWord.fetchedBit | fetched)
        // One that fails lost to another hit.
        if after != before { _ = item.exchangeAccess(expected: before, desired: after) }
    }

    /// Rule 3; nil if the item has changed meanwhile.
    private func publishNumber(
        _ key: ItemKey, _ version: borrowing ItemVersion, _ new: UInt64, _ digits: inout DecimalDigits,
        _ request: ArithmeticRequest
    ) -> ArithmeticOutcome? {
        let length = max(digits.count, version.length)
        // In place of the captured value; the scratch space has room for every small one.
        let value = state.pointee.scratch
        digits.withBytes { value.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        (value + digits.count).initializeMemory(as: UInt8.self, repeating: 0x20, count: length - digits.count)
        let outcome = publishRebuilt(
            key, version,
            Rebuild(
                prefix: .bytes(UnsafeRawBufferPointer(start: value, count: length)), keepsValue: false, suffix: nil,
                length: length, flags: version.flags, explicitToken: request.explicitToken,
                newExpiry: request.newExpiry, keptMarks: ItemState.marksMask))
        switch outcome.result {
        case .stored:
            return ArithmeticOutcome(
                .changed, value: new, token: outcome.token, expiry: outcome.expiry, slabClass: outcome.slabClass)
        case .exists:
            return nil
        default:
            return ArithmeticOutcome(.noMemory)
        }
    }

    /// `ma N J`: a missing counter is created; nil if one has appeared meanwhile.
    private func vivifyNumber(_ key: ItemKey, _ request: ArithmeticRequest) -> ArithmeticOutcome? {
        guard let expiry = request.vivifyExpiry else { return ArithmeticOutcome(.notFound) }
        var digits = DecimalDigits(request.vivifySeed)
        let addition = StoreRequest(mode: .add, expiry: expiry, explicitToken: request.explicitToken)
        let outcome = digits.withBytes { storeSmall(key, $0, addition) }
        switch outcome.result {
        case .stored:
            return ArithmeticOutcome(
                .vivified, value: request.vivifySeed, token: outcome.token, expiry: expiry,
                slabClass: outcome.slabClass)
        case .notStored:
            return nil
        default:
            return ArithmeticOutcome(.noMemory)
        }
    }
}

/// The decimal digits of a number, without allocation.
package struct DecimalDigits {
    private var bytes: (UInt64, UInt64, UInt64) = (0, 0, 0)
    package let count: Int

    package init(_ number: UInt64) {
        var digitCount = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digitCount += 1
        }
        count = digitCount
        rest = number
        withUnsafeMutableBytes(of: &bytes) { buffer in
            var index = digitCount - 1
            while index >= 0 {
                buffer[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
                rest /= 10
                index -= 1
            }
        }
    }

    package mutating func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let length = count
        return withUnsafeBytes(of: &bytes) { body(UnsafeRawBufferPointer(rebasing: $0[..<length])) }
    }
}
