import Glibc

/// The requests of a soak, and what is made of their answers.
extension Soak {
    private static let keysTogether = 12
    private static let clientsAtOnce = 6

    mutating func request(_ sizes: ClosedRange<Int>) throws {
        if Int.random(in: 0..<100) == 0 { try reconnect(sizes) }
        let connection = connections.randomElement().unsafelyUnwrapped
        let key = anyKey()
        let bytes = Int.random(in: sizes)
        switch Int.random(in: 0..<100) {
        case ..<26: try get(key, connection)
        case ..<36: try metaGet(key, connection)
        case ..<44: try getMany(connection)
        case ..<50: try binaryGet(key)
        case ..<54: try pipeline(key, connection, bytes)
        case ..<58: try severalAtOnce(sizes)
        case ..<76: try set(key, connection, bytes)
        case ..<86: try metaSet(key, connection, bytes)
        case ..<91: try binarySet(key, bytes)
        case ..<94: try delete(key, connection)
        case ..<96: try metaDelete(key, connection)
        default: try touch(key, connection)
        }
    }

    /// Some are much in demand.
    private func anyKey() -> Int {
        let draw = Double.random(in: 0..<1)
        return Int(draw * draw * draw * Double(Self.keyCount))
    }

    private func value(_ key: Int, _ item: Item) -> ArraySlice<UInt8> {
        let start = (key &* 31 &+ item.version &* 7919) % 400_000
        return pattern[start..<start + item.bytes]
    }

    // MARK: Looking up

    private mutating func get(_ key: Int, _ connection: SoakConnection) throws {
        try connection.send("get k\(key)\r\n")
        try takeValues([key], connection)
    }

    private mutating func getMany(_ connection: SoakConnection) throws {
        let keys = Set((0..<Self.keysTogether).map { _ in anyKey() })
        try connection.send("get" + keys.map { " k\($0)" }.joined() + "\r\n")
        try takeValues(keys, connection)
    }

    private mutating func metaGet(_ key: Int, _ connection: SoakConnection) throws {
        try connection.send("mg k\(key) v\r\n")
        let line = try connection.line()
        if line == "EN" { return noteMiss(key) }
        guard line.hasPrefix("VA "), let count = Int(line.dropFirst(3)) else { return noteWrong("answered \(line)") }
        noteHit(key, try connection.dataBlock(count))
    }

    private mutating func binaryGet(_ key: Int) throws {
        try binary.send(binary: 0x00, extras: [], key: "k\(key)", value: [])
        let head = try binary.binaryHead()
        let body = try binary.take(head.bodyBytes)
        switch head.status {
        case 0: noteHit(key, body.dropFirst(head.extrasBytes))
        case 1: noteMiss(key)
        default: noteWrong("a binary look-up was answered status \(head.status)")
        }
    }

    /// The reply to a `get` of `keys`, none of them named twice.
    private mutating func takeValues(_ keys: Set<Int>, _ connection: SoakConnection) throws {
        var missed = keys
        while true {
            let line = try connection.line()
            if line == "END" { break }
            let words = line.split(separator: " ")
            guard words.count == 4, words[0] == "VALUE", let count = Int(words[3]) else {
                throw Exhaustion.Finding(description: "a look-up was answered \(line)")
            }
            let found = try connection.dataBlock(count)
            guard let key = Int(words[1].dropFirst()), missed.remove(key) != nil else {
                noteWrong("\(words[1]) was not asked for, or told twice")
                continue
            }
            noteHit(key, found)
        }
        for key in missed { noteMiss(key) }
    }

    private mutating func noteHit(_ key: Int, _ found: ArraySlice<UInt8>) {
        figures.lookups += 1
        figures.hits += 1
        guard let item = items[key] else { return noteWrong("k\(key) is there, though it was removed") }
        if found != value(key, item) { noteWrong("k\(key) has another value") }
        if let end = item.end, Peer.now > end + Self.graceSeconds * 1_000_000 { noteWrong("k\(key) is over") }
    }

    private mutating func noteMiss(_ key: Int) {
        figures.lookups += 1
        items[key] = nil
    }

    // MARK: Storing

    /// What is to be stored, and its life in seconds, 0 for ever.
    private mutating func newItem(_ bytes: Int) -> (item: Item, seconds: Int) {
        version += 1
        let seconds = Bool.random() ? 0 : Int.random(in: 1...(Bool.random() ? 5 : 90))
        return (Item(version: version, bytes: bytes, end: seconds == 0 ? nil : Peer.now + seconds * 1_000_000), seconds)
    }

    private mutating func set(_ key: Int, _ connection: SoakConnection, _ bytes: Int) throws {
        let (item, seconds) = newItem(bytes)
        try connection.send(Array("set k\(key) 0 \(seconds) \(bytes)\r\n".utf8) + value(key, item) + [13, 10])
        noteStored(key, item, try connection.line(), "STORED")
    }

    private mutating func metaSet(_ key: Int, _ connection: SoakConnection, _ bytes: Int) throws {
        let (item, seconds) = newItem(bytes)
        try connection.send(Array("ms k\(key) \(bytes) T\(seconds)\r\n".utf8) + value(key, item) + [13, 10])
        noteStored(key, item, try connection.line(), "HD")
    }

    private mutating func binarySet(_ key: Int, _ bytes: Int) throws {
        let (item, seconds) = newItem(bytes)
        let extras: [UInt8] = [0, 0, 0, 0, 0, 0, 0, UInt8(seconds)]
        try binary.send(binary: 0x01, extras: extras, key: "k\(key)", value: value(key, item))
        let head = try binary.binaryHead()
        _ = try binary.take(head.bodyBytes)
        // No memory, in words of the text protocol.
        noteStored(key, item, head.status == 0 ? "stored" : "SERVER_ERROR status \(head.status)", "stored")
    }

    private mutating func noteStored(_ key: Int, _ item: Item, _ line: String, _ wanted: String) {
        if line == wanted {
            items[key] = item
        } else if line.hasPrefix("SERVER_ERROR") {
            figures.refused += 1
            items[key] = nil
        } else {
            noteWrong("a store was answered \(line)")
        }
    }

    /// Several commands sent as one, which see what those before them have done.
    private mutating func pipeline(_ key: Int, _ connection: SoakConnection, _ bytes: Int) throws {
        let (item, seconds) = newItem(bytes)
        // A key that nothing but these touch.
        let other = Self.keyCount
        let commands = "get k\(key)\r\nmg k\(key) v\r\ndelete k\(other)\r\nget k\(other)\r\nmn\r\n"
        try connection.send(
            Array("set k\(key) 0 \(seconds) \(bytes)\r\n".utf8) + value(key, item) + [13, 10] + Array(commands.utf8))
        noteStored(key, item, try connection.line(), "STORED")
        try takeValues([key], connection)
        let line = try connection.line()
        if line.hasPrefix("VA "), let count = Int(line.dropFirst(3)) {
            noteHit(key, try connection.dataBlock(count))
        } else if line == "EN" {
            noteMiss(key)
        } else {
            noteWrong("answered \(line)")
        }
        if try connection.line() != "NOT_FOUND" { noteWrong("k\(other) was there") }
        try takeValues([other], connection)
        if try connection.line() != "MN" { noteWrong("mn was not answered in its turn") }
    }

    /// Clients that ask at the same time, every other one to store, each for a key of its own.
    private mutating func severalAtOnce(_ sizes: ClosedRange<Int>) throws {
        var keys: Set<Int> = []
        while keys.count < Self.clientsAtOnce { keys.insert(anyKey()) }
        let clients = connections.shuffled().prefix(Self.clientsAtOnce)
        var stored: [Item?] = []
        for (number, (key, client)) in zip(keys, clients).enumerated() {
            guard number % 2 == 0 else {
                stored.append(nil)
                try client.send("get k\(key)\r\n")
                continue
            }
            let (item, seconds) = newItem(Int.random(in: sizes))
            stored.append(item)
            try client.send(
                Array("set k\(key) 0 \(seconds) \(item.bytes)\r\n".utf8) + value(key, item) + [13, 10])
        }
        for (item, (key, client)) in zip(stored, zip(keys, clients)) {
            if let item {
                noteStored(key, item, try client.line(), "STORED")
            } else {
                try takeValues([key], client)
            }
        }
    }

    // MARK: Changing

    private mutating func delete(_ key: Int, _ connection: SoakConnection) throws {
        try connection.send("delete k\(key)\r\n")
        if try connection.line() == "DELETED", items[key] == nil { noteWrong("k\(key) was deleted twice") }
        items[key] = nil
    }

    private mutating func metaDelete(_ key: Int, _ connection: SoakConnection) throws {
        try connection.send("md k\(key)\r\n")
        if try connection.line() == "HD", items[key] == nil { noteWrong("k\(key) was deleted twice") }
        items[key] = nil
    }

    private mutating func touch(_ key: Int, _ connection: SoakConnection) throws {
        let seconds = Int.random(in: 1...90)
        let end = Peer.now + seconds * 1_000_000
        try connection.send("touch k\(key) \(seconds)\r\n")
        if try connection.line() == "TOUCHED" { items[key]?.end = end } else { items[key] = nil }
    }

    private mutating func noteWrong(_ what: String) {
        figures.wrong += 1
        if figures.wrong <= 10 { print("wrong: \(what)") }
    }
}
