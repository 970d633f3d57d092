/// What a server double keeps and says: requests in, replies out, now and then a wrong one. Bytes only; no socket.
package struct DoubleBrain: ServerBrain {
    /// What goes wrong, each so many hits (or stores).
    package enum Fault: Sendable, Equatable {
        /// The value that was replaced last.
        case stale(every: Int)
        /// Half of it is the replaced value's.
        case torn(every: Int)
        /// One bit is not as it was stored.
        case flipped(every: Int)
        /// Another key's value under this key's name.
        case foreign(every: Int)
        /// The right value under another key's name.
        case misnamed(every: Int)
        /// The last byte is missing.
        case shortened(every: Int)
        /// CR LF is missing behind the value.
        case unended(every: Int)
        /// A deleted item comes back.
        case resurrected(every: Int)
        /// Two replies in each other's place.
        case swapped(every: Int)
        /// A meta hit without the opaque that was asked for.
        case mute(every: Int)
        /// Bytes that are no reply.
        case garbage(every: Int)
        /// A reply nobody asked for.
        case doubled(every: Int)
        /// An item is gone.
        case forgetful(every: Int)
        /// A set is left undone, without an error.
        case undone(every: Int)
        /// Stores are refused.
        case refusing
        /// Items outlive their time.
        case immortal
    }

    struct Item {
        var value: [UInt8]
        var token: UInt64
    }

    /// A request as the journal keeps it.
    package struct Request: Equatable {
        package var verb: String
        package var key: String
    }

    private let fault: Fault?
    private var items: [String: Item] = [:]
    private var replaced: [String: Item] = [:]
    private var deleted: [String: Item] = [:]
    private var lastKey = ""
    private var token: UInt64 = 0
    private var countdown: Int
    package private(set) var journal: [Request] = []

    package init(fault: Fault?) {
        self.fault = fault
        countdown = 0
    }

    /// Answers what is whole in `input`; returns the number of requests.
    package mutating func answer(_ input: inout [UInt8], _ output: inout [UInt8]) -> Int {
        var position = 0
        var replies: [[UInt8]] = []
        while let end = input[position...].firstIndex(of: 10) {
            let words = String(decoding: input[position..<end], as: UTF8.self).split(whereSeparator: \.isWhitespace)
                .map(String.init)
            var next = end + 1
            var value: [UInt8] = []
            if let count = Self.valueLength(words) {
                guard input.count >= next + count + 2 else { break }
                value = Array(input[next..<next + count])
                next += count + 2
            }
            position = next
            replies.append(Array(reply(words, value)))
        }
        input.removeFirst(position)
        if case .swapped(let every) = fault, replies.count > 1, strikes(every) { replies.swapAt(0, 1) }
        output += replies.joined()
        return replies.count
    }

    private static func valueLength(_ words: [String]) -> Int? {
        guard let verb = words.first else { return nil }
        switch verb {
        case "set", "add", "cas": return words.count > 4 ? Int(words[4]) : nil
        case "ms": return words.count > 2 ? Int(words[2]) : nil
        default: return nil
        }
    }

    /// True once in `every` calls.
    private mutating func strikes(_ every: Int) -> Bool {
        countdown += 1
        guard countdown >= every else { return false }
        countdown = 0
        return true
    }

    // MARK: Requests

    private mutating func reply(_ words: [String], _ value: [UInt8]) -> [UInt8] {
        let verb = words.first ?? ""
        if words.count > 1 { journal.append(Request(verb: verb, key: verb == "gat" ? words[2] : words[1])) }
        switch verb {
        case "version": return Array("VERSION double\r\n".utf8)
        case "stats": return Array("STAT double 1\r\nEND\r\n".utf8)
        case "get", "gets": return words.dropFirst().flatMap { classicValue($0, withToken: verb == "gets") } + end
        case "gat": return words.dropFirst(2).flatMap { classicValue($0, withToken: false) } + end
        case "set", "add", "cas": return Array((store(words, value) ? "STORED\r\n" : refusal(verb)).utf8)
        case "delete": return Array((delete(words[1]) ? "DELETED\r\n" : "NOT_FOUND\r\n").utf8)
        case "touch": return Array((items[words[1]] != nil ? "TOUCHED\r\n" : "NOT_FOUND\r\n").utf8)
        case "incr": return Array(increment(words[1]).map { "\($0)\r\n" }?.utf8 ?? "NOT_FOUND\r\n".utf8)
        case "mg": return metaValue(words)
        case "ms":
            let isStored = store(words, value)
            if fault == .refusing { return Array(refusal(verb).utf8) }
            return Array(((isStored ? "HD" : "NS") + echo(words) + "\r\n").utf8)
        case "md": return Array(((delete(words[1]) ? "HD" : "NF") + echo(words) + "\r\n").utf8)
        case "mn": return Array("MN\r\n".utf8)
        default: return Array("ERROR\r\n".utf8)
        }
    }

    private var end: [UInt8] { Array("END\r\n".utf8) }

    private func refusal(_ verb: String) -> String {
        fault == .refusing
            ? "SERVER_ERROR out of memory storing object\r\n" : verb == "cas" ? "EXISTS\r\n" : "NOT_STORED\r\n"
    }

    private func echo(_ words: [String]) -> String {
        words.dropFirst(2).first { $0.hasPrefix("O") }.map { " " + $0 } ?? ""
    }

    private mutating func store(_ words: [String], _ value: [UInt8]) -> Bool {
        if fault == .refusing { return false }
        if case .undone(let every) = fault, words[0] == "set" || words[0] == "ms", strikes(every) { return false }
        let key = words[1]
        if words[0] == "add", items[key] != nil { return false }
        if words[0] == "cas", items[key].map({ String($0.token) }) != words.last { return false }
        token += 1
        replaced[key] = items[key]
        items[key] = Item(value: value, token: token)
        deleted[key] = nil
        lastKey = key
        return true
    }

    private mutating func delete(_ key: String) -> Bool {
        replaced[key] = nil
        guard let item = items.removeValue(forKey: key) else { return false }
        deleted[key] = item
        return true
    }

    private mutating func increment(_ key: String) -> UInt64? {
        guard let item = items[key], let number = UInt64(String(decoding: item.value, as: UTF8.self)) else {
            return nil
        }
        items[key]?.value = Array(String(number + 1).utf8)
        return number + 1
    }

    // MARK: Values

    private mutating func classicValue(_ key: String, withToken: Bool) -> [UInt8] {
        guard let item = found(key) else { return [] }
        var name = key
        if case .misnamed(let every) = fault, lastKey != key, strikes(every) { name = lastKey }
        let line = "VALUE \(name) 0 \(item.value.count)" + (withToken ? " \(item.token)" : "") + "\r\n"
        return framed(line, item.value)
    }

    private mutating func metaValue(_ words: [String]) -> [UInt8] {
        let flags = words.dropFirst(2)
        guard let item = found(words[1]) else { return flags.contains("q") ? [] : Array("EN\r\n".utf8) }
        guard flags.contains("v") else { return Array("HD\(echo(words))\r\n".utf8) }
        var name = words[1]
        if case .misnamed(let every) = fault, lastKey != name, strikes(every) { name = lastKey }
        let line =
            "VA \(item.value.count)" + (flags.contains("k") ? " k\(name)" : "")
            + (flags.contains("c") ? " c\(item.token)" : "") + (isMute ? "" : echo(words)) + "\r\n"
        return framed(line, item.value)
    }

    private var isMute: Bool {
        mutating get {
            if case .mute(let every) = fault { strikes(every) } else { false }
        }
    }

    private mutating func framed(_ line: String, _ value: [UInt8]) -> [UInt8] {
        switch fault {
        case .garbage(let every) where strikes(every): return Array("?\u{0}garbage\n".utf8)
        case .unended(let every) where strikes(every): return Array(line.utf8) + value + [0x0A, 0x0D]
        case .doubled(let every) where strikes(every): return Array((line).utf8) + value + [0x0D, 0x0A] + end + end
        default: return Array(line.utf8) + value + [0x0D, 0x0A]
        }
    }

    /// The item, or what a broken server takes for it.
    private mutating func found(_ key: String) -> Item? {
        guard var item = items[key] else {
            if case .resurrected(let every) = fault, let dead = deleted[key], strikes(every) { return dead }
            return nil
        }
        switch fault {
        case .forgetful(let every):
            if strikes(every) {
                items[key] = nil
                return nil
            }
        case .stale(let every):
            if let old = replaced[key], strikes(every) { return old }
        case .torn(let every):
            if let old = replaced[key], old.value.count == item.value.count, strikes(every) {
                let half = item.value.count / 2
                item.value = Array(item.value[..<half] + old.value[half...])
            }
        case .flipped(let every):
            if !item.value.isEmpty, strikes(every) { item.value[item.value.count * 2 / 3] ^= 4 }
        case .foreign(let every):
            if key != lastKey, let other = items[lastKey], strikes(every) { item.value = other.value }
        case .shortened(let every):
            if !item.value.isEmpty, strikes(every) { item.value.removeLast() }
        default: break
        }
        return item
    }
}
