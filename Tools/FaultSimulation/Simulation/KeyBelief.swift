/// What a client may believe of one of its keys: the items that it may have, and whether it may have none.
///
/// A key belongs to one client, whose commands are carried out in order, so that one item is all that is possible,
/// until a connection breaks with commands unanswered: then each of them may have been carried out.
struct KeyBelief {
    /// A value: pieces of the pattern that all values are cut from, or a number in digits.
    struct Content: Equatable {
        struct Piece: Equatable {
            var start: Int
            var count: Int
        }

        var first: Piece
        /// What was appended.
        var more: [Piece] = []
        var number: UInt64?

        var length: Int { first.count + more.reduce(0) { $0 + $1.count } }

        static func pattern(_ start: Int, _ count: Int) -> Content { Content(first: Piece(start: start, count: count)) }

        /// Padded with blanks: a counter keeps the length that it has had.
        static func counter(_ number: UInt64, lengthMin: Int) -> Content {
            Content(first: Piece(start: 0, count: max(digits(number), lengthMin)), number: number)
        }

        private static func digits(_ number: UInt64) -> Int {
            var (count, rest) = (1, number / 10)
            while rest > 0 { (count, rest) = (count + 1, rest / 10) }
            return count
        }
    }

    struct Item: Equatable {
        var content: Content
        var flags: UInt32
        /// 0 if it was not told.
        var token: UInt64 = 0
        /// The seconds between which it expires; 0 for never.
        var expiresFrom: UInt32 = 0
        var expiresBy: UInt32 = 0

        /// It cannot be there any more.
        func isOver(by second: UInt32) -> Bool { expiresBy != 0 && second >= expiresBy }
        /// It may not be there any more.
        func mayBeOver(by second: UInt32) -> Bool { expiresFrom != 0 && second >= expiresFrom }
    }

    private(set) var items: [Item] = []
    private(set) var mayBeAbsent = true
    /// The greatest token seen: what is issued later is above it.
    var tokenSeen: UInt64 = 0

    /// Nothing else is possible.
    mutating func become(_ item: Item?) {
        if let item {
            if items.count == 1 { items[0] = item } else { items = [item] }
            mayBeAbsent = false
        } else {
            items.removeAll(keepingCapacity: true)
            mayBeAbsent = true
        }
    }

    /// It is one of those for which `holds` is true. Returns false, changing nothing, if there is none.
    mutating func keep(where holds: (Item) -> Bool) -> Bool {
        if items.count == 1 {
            guard holds(items[0]) else { return false }
        } else {
            let kept = items.filter(holds)
            if kept.isEmpty { return false }
            items = kept
        }
        mayBeAbsent = false
        return true
    }

    /// That is possible as well.
    mutating func mayBecome(_ item: Item?) {
        guard let item else { return mayBeAbsent = true }
        if !items.contains(item) { items.append(item) }
    }

    /// The one item, if there is no other; it may be absent all the same.
    var only: Item? { items.count == 1 ? items[0] : nil }
    var isCertain: Bool { items.count + (mayBeAbsent ? 1 : 0) == 1 }

    mutating func change(_ body: (inout Item) -> Void) {
        for index in items.indices { body(&items[index]) }
    }
}
