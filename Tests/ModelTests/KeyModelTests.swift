import MartletStore
import Testing

/// The model is only worth something if it says no.
@Suite("The model of a key")
struct KeyModelTests {
    private func model(mayVanish: Bool = false) -> KeyModel {
        KeyModel(keyBytes: 3, itemBytesMax: 1024, mayVanish: mayVanish)
    }

    private func set(_ text: String, token: UInt64, _ request: StoreRequest = StoreRequest(mode: .set)) -> Event {
        let value = Value(Array(text.utf8))
        let outcome = StoreOutcome(.stored, token: token, valueLength: value.count, expiry: request.expiry)
        return Event(key: 0, action: .store(value, request), answer: .stored(outcome))
    }

    private func refused(_ request: StoreRequest, _ result: StoreOutcome.Result) -> Event {
        Event(key: 0, action: .store(.empty, request), answer: .stored(StoreOutcome(result)))
    }

    private func get(_ text: String?, token: UInt64 = 0, expiry: UInt32 = 0) -> Event {
        let snapshot = text.map {
            Event.Snapshot(
                value: Value(Array($0.utf8)), flags: 0, token: token, expiry: expiry, expiryBefore: expiry,
                isStale: false, isWinSent: false, isVivified: false)
        }
        return Event(key: 0, action: .hold(newExpiry: nil, givesWin: false), answer: .held(snapshot))
    }

    private func accepts(_ events: Event..., mayVanish: Bool = false, now: UInt32 = 100) -> Bool {
        var model = model(mayVanish: mayVanish)
        return events.allSatisfy { model.accept(outer: $0, nested: [], now: now) }
    }

    @Test("accepts what was stored and nothing else")
    func values() {
        #expect(accepts(get(nil), set("a", token: 5), get("a", token: 5)))
        #expect(!accepts(set("a", token: 5), get("b", token: 5)))
        #expect(!accepts(set("a", token: 5), get("a", token: 6)))
        #expect(!accepts(get("a", token: 5)))
    }

    @Test("wants tokens to rise, also after a delete")
    func tokens() {
        let delete = Event(key: 0, action: .delete(compare: nil), answer: .deleted(.done))
        #expect(accepts(set("a", token: 5), set("a", token: 6)))
        #expect(!accepts(set("a", token: 5), set("a", token: 5)))
        #expect(!accepts(set("a", token: 5), delete, set("a", token: 4)))
    }

    @Test("lets items vanish only where memory is tight, and never come back")
    func vanishing() {
        #expect(!accepts(set("a", token: 5), get(nil)))
        #expect(accepts(set("a", token: 5), get(nil), mayVanish: true))
        #expect(!accepts(set("a", token: 5), get(nil), get("a", token: 5), mayVanish: true))
        #expect(accepts(set("a", token: 5), refused(StoreRequest(mode: .add), .notStored), mayVanish: true))
    }

    @Test("knows when an item has expired")
    func expiry() {
        let mortal = set("a", token: 5, StoreRequest(mode: .set, expiry: 100))
        #expect(accepts(mortal, get("a", token: 5, expiry: 100), now: 99))
        #expect(!accepts(mortal, get("a", token: 5, expiry: 100), now: 100))
        #expect(accepts(mortal, get(nil), now: 100))
    }

    @Test("knows a token that nobody has told by what it is compared to")
    func unknownTokens() {
        let marking = InvalidateRequest(marksStale: false, dropsValue: false)
        let invalidate = Event(key: 0, action: .invalidate(marking), answer: .deleted(.done))
        func compare(_ token: UInt64, _ result: StoreOutcome.Result) -> Event {
            refused(StoreRequest(mode: .set, compareToken: .exactly(token)), result)
        }
        #expect(accepts(set("a", token: 5), invalidate, compare(7, .exists), get("a", token: 6)))
        #expect(!accepts(set("a", token: 5), invalidate, get("a", token: 5)))
        #expect(!accepts(set("a", token: 5), compare(5, .exists)))
        let stored = set("b", token: 9, StoreRequest(mode: .set, compareToken: .exactly(7)))
        #expect(accepts(set("a", token: 5), invalidate, stored, get("b", token: 9)))
        let older = set("b", token: 9, StoreRequest(mode: .set, compareToken: .exactly(4)))
        #expect(!accepts(set("a", token: 5), invalidate, older))
    }

    @Test("finds the place of an outer operation among nested ones, if there is one")
    func places() {
        let add = StoreRequest(mode: .add)
        for (nested, isExplained) in [
            ([get(nil), get("a", token: 5)], true), ([get("a", token: 5), get(nil)], false),
            ([get(nil), get(nil)], true),
            ([refused(add, .notStored)], true), ([set("b", token: 4)], true), ([set("b", token: 5)], false),
        ] {
            var model = model()
            let accepted = model.accept(outer: set("a", token: 5), nested: nested, now: 100)
            #expect(accepted == isExplained)
        }
        // After both orders were possible, the next answer decides.
        var model = model()
        _ = model.accept(outer: set("a", token: 5), nested: [set("b", token: 4), set("c", token: 6)], now: 100)
        #expect(model.states.count == 1)
        let accepted = model.accept(outer: get("c", token: 6), nested: [], now: 100)
        #expect(accepted)
    }
}
