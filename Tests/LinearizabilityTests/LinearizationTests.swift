import LoadHistory
import StoreTesting
import Testing

/// The checker is only worth something if it says no.
@Suite("The linearizability checker")
struct LinearizationTests {
    typealias Operation = ItemModel.Operation
    typealias Item = ItemModel.Item

    /// A call from second `began` to `ended`, by a client of its own unless one is named.
    private func call(_ began: Int, _ ended: Int, _ operation: Operation, client: Int? = nil) -> Call<Operation> {
        Call(client: client ?? began, operation: operation, began: began, ended: ended)
    }

    private func holds(_ calls: Call<Operation>...) -> Bool {
        Linearization<ItemModel>.violation(in: calls) == nil
    }

    @Test("accepts what one client sees")
    func sequential() {
        #expect(holds())
        #expect(
            holds(
                call(1, 2, .get(nil)), call(3, 4, .set(value: "1", flags: 7, token: 5)),
                call(5, 6, .get(Item(value: "1", flags: 7, token: 5))),
                call(7, 8, .increment(by: 41, result: 42, token: 6)),
                call(9, 10, .compareAndSet(token: 5, value: "x", flags: 0, .exists)),
                call(11, 12, .compareAndSet(token: 6, value: "9", flags: 0, .stored(token: 8))),
                call(13, 14, .append("0", stored: true, token: 9)), call(15, 16, .delete(found: true)),
                call(17, 18, .delete(found: false)), call(19, 20, .increment(by: 1, result: nil, token: nil))))
    }

    @Test("refuses a value paired with another version's token")
    func tornPair() {
        // The bug of other servers: `gets` racing `incr` shows the old value with the new token.
        let set = call(1, 2, .set(value: "1", flags: 0, token: 5))
        let increment = call(3, 6, .increment(by: 1, result: 2, token: 6))
        #expect(holds(set, increment, call(4, 5, .get(Item(value: "1", flags: 0, token: 5)))))
        #expect(holds(set, increment, call(4, 5, .get(Item(value: "2", flags: 0, token: 6)))))
        #expect(!holds(set, increment, call(4, 5, .get(Item(value: "1", flags: 0, token: 6)))))
        #expect(!holds(set, increment, call(4, 5, .get(Item(value: "2", flags: 0, token: 5)))))
        #expect(!holds(set, increment, call(4, 5, .get(Item(value: "1", flags: 1, token: 5)))))
    }

    @Test("refuses old values after new ones were seen, and lost updates")
    func order() {
        let old = Item(value: "1", flags: 0, token: 5)
        let new = Item(value: "2", flags: 0, token: 6)
        let first = call(1, 2, .set(value: "1", flags: 0, token: 5))
        let second = call(3, 20, .set(value: "2", flags: 0, token: 6))
        #expect(holds(first, second, call(4, 5, .get(old)), call(6, 7, .get(new))))
        #expect(holds(first, second, call(4, 7, .get(new)), call(5, 6, .get(old))))
        #expect(!holds(first, second, call(4, 5, .get(new)), call(6, 7, .get(old))))
        #expect(!holds(first, call(3, 4, .get(nil))))
        let both: (UInt64, UInt64) -> Bool = { left, right in
            self.holds(
                first, self.call(3, 9, .increment(by: 1, result: left, token: nil)),
                self.call(4, 8, .increment(by: 1, result: right, token: nil)))
        }
        #expect(both(2, 3) && both(3, 2))
        #expect(!both(2, 2))
        let compare = { (token: UInt64) in
            Operation.compareAndSet(token: 5, value: "x", flags: 0, .stored(token: token))
        }
        #expect(!holds(first, call(3, 9, compare(6)), call(4, 8, compare(7))))
    }

    @Test("takes a client's calls in the order in which they began, though they were sent together")
    func pipelines() {
        let old = Item(value: "1", flags: 0, token: 5)
        let first = call(1, 2, .set(value: "1", flags: 0, token: 5))
        let set = call(3, 20, .set(value: "2", flags: 0, token: 6), client: 1)
        #expect(holds(first, set, call(4, 21, .get(old), client: 2)))
        #expect(!holds(first, set, call(4, 21, .get(old), client: 1)))
        #expect(holds(first, set, call(4, 21, .get(Item(value: "2", flags: 0, token: 6)), client: 1)))
    }

    @Test("knows which life an item has been given, by what is left of it")
    func lives() {
        let set = call(1, 2, .set(value: "1", flags: 0, token: 5, life: 5000))
        let left = { (life: ItemModel.Life) in Operation.get(Item(value: "1", flags: 0, token: 5, life: life)) }
        let touch = call(3, 6, .touch(life: 9000, found: true))
        #expect(holds(set, touch, call(4, 5, left(.within(4900...5100))), call(7, 8, left(.within(8900...9100)))))
        #expect(!holds(set, touch, call(4, 5, left(.within(8900...9100))), call(7, 8, left(.within(4900...5100)))))
        #expect(!holds(set, touch, call(7, 8, left(.given(0)))))
        #expect(holds(set, call(3, 4, .touch(life: 0, found: nil)), call(5, 6, left(.given(0)))))
        // Of two that read the life before and give another, each reads the other's or none does.
        let swap = { (life: ItemModel.Life, new: Int) in
            Operation.getAndTouch(Item(value: "1", flags: 0, token: 5, life: life), life: new)
        }
        let old = ItemModel.Life.within(4900...5100)
        #expect(holds(set, call(3, 9, swap(old, 7000)), call(4, 8, swap(.within(6900...7100), 8000))))
        #expect(!holds(set, call(3, 9, swap(old, 7000)), call(4, 8, swap(old, 8000))))
    }

    @Test("lets a stale item be won once, and one that was made of nothing by whoever made it")
    func marks() {
        let set = call(1, 2, .set(value: "1", flags: 0, token: 5))
        let stale = call(3, 4, .invalidate(found: true, marksStale: true, dropsValue: false, life: nil))
        let seen = { (marks: ItemModel.Marks) in
            Operation.get(Item(value: "1", flags: 0, token: 6, marks: marks))
        }
        let winner = ItemModel.Marks(wins: true, isStale: true)
        let later = ItemModel.Marks(isWon: true, isStale: true)
        #expect(holds(set, stale, call(5, 9, seen(winner)), call(6, 8, seen(later))))
        #expect(!holds(set, stale, call(5, 9, seen(winner)), call(6, 8, seen(winner))))
        #expect(!holds(set, stale, call(5, 6, seen(later))))
        #expect(!holds(set, stale, call(5, 6, seen(.init()))))
        // An older token stores what is stale, and leaves the win as it was.
        let old = { (storesOld: Bool) in
            Operation.compareAndSet(
                token: 5, value: "2", flags: 0, .stored(token: 7), storesOld: storesOld)
        }
        let new = Operation.get(Item(value: "2", flags: 0, token: 7, marks: later))
        #expect(holds(set, stale, call(5, 6, seen(winner)), call(7, 8, old(true)), call(9, 10, new)))
        #expect(!holds(set, stale, call(5, 6, seen(winner)), call(7, 8, old(false)), call(9, 10, new)))

        let made = Operation.vivify(Item(value: "", flags: 0, token: 5, marks: .init(wins: true)), life: 100)
        let found = Operation.vivify(Item(value: "", flags: 0, token: 5, marks: .init(isWon: true)), life: 200)
        #expect(holds(call(1, 4, made), call(2, 3, found)))
        #expect(!holds(call(1, 4, made), call(2, 3, made)))
        #expect(!holds(call(1, 4, found), call(2, 3, found)))
    }

    @Test("lets a quiet command do what the item allows, and nothing else")
    func quiet() {
        let set = call(1, 2, .set(value: "7", flags: 0, token: 5))
        let get = { (value: String) in self.call(9, 10, .get(Item(value: value, flags: 0, token: 0))) }
        #expect(holds(set, call(3, 4, .add(value: "x", flags: 0, stored: nil, token: nil)), get("7")))
        #expect(!holds(set, call(3, 4, .add(value: "x", flags: 0, stored: nil, token: nil)), get("x")))
        #expect(!holds(set, call(3, 4, .replace(value: "x", flags: 0, stored: nil, token: nil)), get("7")))
        #expect(holds(set, call(3, 4, .prepend("-1", stored: nil, token: nil)), get("-17")))
        #expect(!holds(set, call(3, 4, .append("+1", stored: nil, token: nil)), get("7")))
        #expect(holds(set, call(3, 4, .count(by: 8, isDecrement: true, found: nil)), get("0")))
        #expect(!holds(set, call(3, 4, .delete(found: nil)), get("7")))
        #expect(!holds(set, call(3, 4, .flush), get("7")))
    }

    @Test("takes a token that a client chose for what it is, and no other for older")
    func chosenTokens() {
        let chosen = ItemModel.chosenTokenMin + 3
        let set = { (token: UInt64) in Operation.set(value: "\(token)", flags: 0, token: token) }
        let get = { (token: UInt64) in Operation.get(Item(value: "\(token)", flags: 0, token: token)) }
        #expect(holds(call(1, 2, set(5)), call(3, 4, set(chosen)), call(5, 6, get(chosen)), call(7, 8, set(6))))
        #expect(!holds(call(1, 2, set(5)), call(3, 4, set(chosen)), call(5, 6, get(5))))
        #expect(!holds(call(1, 2, set(5)), call(3, 4, set(chosen)), call(5, 6, set(4))))
    }

    @Test("makes a counter, or a value, where there is none")
    func births() {
        let birth = ItemModel.Birth(number: 40, flags: 0, life: 100)
        let made = Operation.increment(by: 2, result: 40, token: 5, birth: birth)
        let counted = Operation.increment(by: 2, result: 42, token: 6, birth: birth)
        #expect(holds(call(1, 4, made), call(2, 3, counted)))
        #expect(!holds(call(1, 4, made), call(2, 3, made)))
        let join = Operation.append("+1", stored: true, token: 5, birth: ItemModel.Birth(flags: 7, life: 100))
        #expect(holds(call(1, 2, join), call(3, 4, .get(Item(value: "+1", flags: 7, token: 5)))))
        #expect(!holds(call(1, 2, .append("+1", stored: true, token: 5))))
    }

    @Test("refuses tokens that do not rise")
    func tokens() {
        let set = { (token: UInt64) in Operation.set(value: "1", flags: 0, token: token) }
        #expect(!holds(call(1, 2, set(5)), call(3, 4, set(5))))
        #expect(!holds(call(1, 2, set(5)), call(3, 4, .delete(found: true)), call(5, 6, set(4))))
        #expect(holds(call(1, 4, set(5)), call(2, 3, set(4))))
    }

    @Test("accepts every interleaving of a real order, and refuses most after one answer is changed")
    func randomHistories() {
        var random = SplitMix(seed: 6)
        var refused = 0
        for _ in 0..<200 {
            var calls = randomHistory(&random, count: 60)
            #expect(Linearization<ItemModel>.violation(in: calls) == nil)

            let gets = calls.indices.filter { if case .get(.some) = calls[$0].operation { true } else { false } }
            guard let place = gets.randomElement(using: &random), case .get(let item?) = calls[place].operation else {
                continue
            }
            var wrong = item
            wrong.token += 1
            calls[place] = call(
                calls[place].began, calls[place].ended, .get(wrong), client: calls[place].client)
            if Linearization<ItemModel>.violation(in: calls) != nil { refused += 1 }
        }
        // A token one higher may be the next version's only if the values agree; they never do here.
        #expect(refused > 190)
    }

    /// Calls that took effect in the order of their numbers, with begins and ends stretched over their neighbours.
    private func randomHistory(_ random: inout SplitMix, count: Int) -> [Call<Operation>] {
        var item: Item?
        var token: UInt64 = 0
        return (0..<count).map { number in
            let operation: Operation
            switch random.below(5) {
            case 0, 1: operation = .get(item)
            case 2:
                token += 3
                item = Item(value: "\(number)", flags: UInt32(number), token: token)
                operation = .set(value: "\(number)", flags: UInt32(number), token: token)
            case 3:
                operation = .delete(found: item != nil)
                item = nil
            default:
                if let before = item, let value = UInt64(before.value) {
                    token += 3
                    item = Item(value: "\(value + 1000)", flags: before.flags, token: token)
                    operation = .increment(by: 1000, result: value + 1000, token: token)
                } else {
                    operation = .increment(by: 1000, result: nil, token: nil)
                }
            }
            let moment = 1000 * number
            return call(
                moment - random.below(3000), moment + 1 + random.below(3000), operation, client: number)
        }
    }
}
