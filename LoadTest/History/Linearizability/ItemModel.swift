/// One key of a memcached from which nothing vanishes: value, client flags, token, life and marks, which belong together
/// in every answer, and tokens that rise with every change.
///
/// 1. Every change but `touch` gives a new token, higher than all before it. One that a client has chosen (`E`) says
///    nothing of the others: clients choose from `chosenTokenMin` up.
/// 2. Seconds pass outside of a history. A life is what was given, and what is told of it later is an interval.
/// 3. A stale item (`md I`, `ms I`), or one made of nothing by `mg N`, is won by one `mg`, `W`; whoever comes later is
///    told so, `Z`, and that the item is stale, `X`. Stores end both marks, counting and `touch` leave them.
/// 4. What a quiet command did is not told: it does what the item allows.
package enum ItemModel: SequentialModel {
    package struct State: Hashable, Sendable {
        var item: Item?
        /// The last token issued for the key: the next one is higher, also after a delete.
        var lastToken: UInt64 = 0
    }

    package struct Item: Hashable, Sendable {
        package var value: String
        package var flags: UInt32
        /// 0: not told.
        package var token: UInt64
        package var life = Life.untold
        /// nil: not told.
        package var marks: Marks?

        package init(
            value: String, flags: UInt32, token: UInt64, life: Life = .untold, marks: Marks? = nil
        ) {
            self.value = value
            self.flags = flags
            self.token = token
            self.life = life
            self.marks = marks
        }
    }

    package enum Life: Hashable, Sendable {
        case untold
        /// Seconds that were given, 0 for ever.
        case given(Int)
        /// What was given lies in there, by what is left of it.
        case within(ClosedRange<Int>)

        func fits(_ kept: Life) -> Bool {
            switch (self, kept) {
            case (.within(let range), .given(let seconds)): seconds != 0 && range.contains(seconds)
            case (.given, .given): self == kept
            default: true
            }
        }
    }

    /// `W`, `Z` and `X`; of an item, the last two.
    package struct Marks: Hashable, Sendable {
        package var wins = false
        package var isWon = false
        package var isStale = false

        package init(wins: Bool = false, isWon: Bool = false, isStale: Bool = false) {
            self.wins = wins
            self.isWon = isWon
            self.isStale = isStale
        }
    }

    /// The item that `N` makes where there is none.
    package struct Birth: Sendable {
        package var number: UInt64
        package var flags: UInt32
        package var life: Int

        package init(number: UInt64 = 0, flags: UInt32 = 0, life: Int) {
            self.number = number
            self.flags = flags
            self.life = life
        }
    }

    /// A command with its answer. A token of nil was not told, nor was a verdict of nil. Lives are those given.
    package enum Operation: Sendable {
        case get(Item?)
        /// gat, and mg with T; what is told of the life is what it was.
        case getAndTouch(Item?, life: Int)
        /// mg with N.
        case vivify(Item, life: Int)
        case touch(life: Int, found: Bool?)
        case set(value: String, flags: UInt32, token: UInt64?, life: Int = 0)
        case add(value: String, flags: UInt32, stored: Bool?, token: UInt64?, life: Int = 0)
        case replace(value: String, flags: UInt32, stored: Bool?, token: UInt64?, life: Int = 0)
        /// `storesOld`: an older token stores as well, and the item is stale (ms with C and I).
        case compareAndSet(
            token: UInt64, value: String, flags: UInt32, CompareResult, life: Int = 0, storesOld: Bool = false)
        case append(String, stored: Bool?, token: UInt64?, birth: Birth? = nil)
        case prepend(String, stored: Bool?, token: UInt64?, birth: Birth? = nil)
        /// A result of nil: there was no item. Values are numbers then, and their right-hand padding is the server's
        /// affair.
        case increment(by: UInt64, result: UInt64?, token: UInt64?, birth: Birth? = nil)
        case decrement(by: UInt64, result: UInt64?, token: UInt64?, birth: Birth? = nil)
        /// Either of them, whose result was not told.
        case count(by: UInt64, isDecrement: Bool, found: Bool?)
        case delete(found: Bool?)
        /// `.stored`, without a token: the item had the token and is gone.
        case compareAndDelete(token: UInt64, CompareResult)
        /// md with I, with x, or both; a life of nil stays, unless the value goes.
        case invalidate(found: Bool, marksStale: Bool, dropsValue: Bool, life: Int?)
        case flush
    }

    package enum CompareResult: Sendable, Equatable {
        case stored(token: UInt64?)
        case exists, notFound
    }

    /// Rule 1.
    package static let chosenTokenMin: UInt64 = 1 << 63

    package static var initial: State { State() }

    package static func apply(_ operation: Operation, to state: State) -> State? {
        apply(operation, to: state, tokensRise: true)
    }

    static func apply(_ operation: Operation, to state: State, tokensRise: Bool) -> State? {
        guard let after = follow(operation, state) else { return nil }
        // Any token is higher than none.
        return tokensRise ? after : State(item: after.item)
    }

    private static func follow(_ operation: Operation, _ state: State) -> State? {
        switch operation {
        case .get(let seen): seeing(seen, state)
        case .getAndTouch(let seen, let life): seeing(seen, state).map { touching(life, $0) }
        case .vivify(let seen, let life): vivifying(seen, life, state)
        case .touch(let life, let found): agrees(found, state.item != nil) ? touching(life, state) : nil
        case .set(let value, let flags, let token, let life):
            storing(Item(value: value, flags: flags, life: life), token, state)
        case .add(let value, let flags, let stored, let token, let life):
            storing(Item(value: value, flags: flags, life: life), token, if: state.item == nil, told: stored, state)
        case .replace(let value, let flags, let stored, let token, let life):
            storing(Item(value: value, flags: flags, life: life), token, if: state.item != nil, told: stored, state)
        case .compareAndSet(let compare, let value, let flags, let result, let life, let storesOld):
            comparing(compare, result, state, storesOld: storesOld) { token, isOld in
                var item = Item(value: value, flags: flags, life: life)
                if isOld, let old = state.item {
                    item.life = old.life
                    item.marks = Marks(isWon: old.marks?.isWon == true, isStale: true)
                }
                return storing(item, token, state)
            }
        case .append(let added, let stored, let token, let birth):
            joining(stored, token, birth, state) { $0 + added }
        case .prepend(let added, let stored, let token, let birth):
            joining(stored, token, birth, state) { added + $0 }
        case .increment(let delta, let result, let token, let birth):
            counting(result, token, birth, state) { sum($0, delta, isDecrement: false) }
        case .decrement(let delta, let result, let token, let birth):
            counting(result, token, birth, state) { sum($0, delta, isDecrement: true) }
        case .count(let delta, let isDecrement, let found): counting(delta, isDecrement, found, state)
        case .delete(let found): agrees(found, state.item != nil) ? removing(state) : nil
        case .compareAndDelete(let compare, let result): comparing(compare, result, state) { _, _ in removing(state) }
        case .invalidate(let found, let marksStale, let dropsValue, let life):
            agrees(found, state.item != nil) ? invalidating(marksStale, dropsValue, life, state) : nil
        case .flush: removing(state)
        }
    }

    /// Whether what was told, if anything, is how it was.
    private static func agrees(_ told: Bool?, _ truth: Bool) -> Bool { told == nil || told == truth }

    // MARK: What the search may know

    /// Tokens rise: the one that was told, or the one that was seen or found to be right.
    package static func rank(of operation: Operation) -> UInt64? {
        let token: UInt64? =
            switch operation {
            case .get(let item), .getAndTouch(let item, _): item?.token
            case .vivify(let item, _): item.token
            case .set(_, _, let token, _), .add(_, _, true, let token, _), .replace(_, _, true, let token, _): token
            case .append(_, true, let token, _), .prepend(_, true, let token, _): token
            case .increment(_, _, let token, _), .decrement(_, _, let token, _): token
            case .compareAndSet(let compare, _, _, .stored(let token), _, let storesOld):
                token ?? (storesOld ? nil : compare)
            case .compareAndDelete(let compare, .stored): compare
            case .add, .replace, .append, .prepend, .compareAndSet, .compareAndDelete, .count, .delete, .touch,
                .invalidate, .flush:
                nil
            }
        return token.flatMap { $0 == 0 || $0 >= chosenTokenMin ? nil : $0 }
    }

    package static func isObservation(_ operation: Operation) -> Bool {
        switch operation {
        case .get(let item): item?.marks?.wins != true
        case .vivify(let item, _): item.marks?.wins != true
        case .getAndTouch(nil, _), .add(_, _, false, _, _), .replace(_, _, false, _, _): true
        case .append(_, false, _, _), .prepend(_, false, _, _), .touch(_, false): true
        case .increment(_, nil, _, _), .decrement(_, nil, _, _), .count(_, _, false): true
        case .delete(found: false), .invalidate(false, _, _, _): true
        case .compareAndSet(_, _, _, .exists, _, _), .compareAndSet(_, _, _, .notFound, _, _): true
        case .compareAndDelete(_, .exists), .compareAndDelete(_, .notFound): true
        default: false
        }
    }
}
