import StoreTesting

/// A command of a simulated client: what is asked, and how it is written.
struct SimulatedCommand {
    enum Kind: UInt8, CaseIterable {
        case get, gets, metaGet, getAndTouch
        case set, metaSet, add, replace, append, prepend, compareAndSet, tooLarge
        case increment, decrement, metaArithmetic
        case delete, metaDelete, touch
        case noop, unknown, flush
        case login, wrongLogin
    }

    var kind: Kind
    var key: Int
    /// Of `get`: so many keys in a row.
    var keyCount = 1
    var content = KeyBelief.Content.pattern(0, 0)
    var flags: UInt32 = 0
    /// Seconds to live, 0 for ever.
    var seconds: UInt32 = 0
    /// Instead the time of the end in seconds since 1970, by the client's clock; and what second of the server's that
    /// is, 1 for one before its start.
    var unixTime: Int64 = 0
    var unixSecond: UInt32 = 0
    var token: UInt64 = 0
    var delta: UInt64 = 0
    var isQuiet = false
    /// Of the binary protocol, nil in text; and what the answer has to bear. A `get` of many keys has an opaque for
    /// each of them, from this one on, and one for the `noop` behind.
    var opcode: UInt8?
    var opaque: UInt32 = 0
    /// Of a counter of the binary protocol: what it begins with, if it is to be made where there is none.
    var initial: UInt64?
    /// It is asked before the login.
    var isLocked = false
    /// Of a login: which of those there are.
    var form = 0
    /// When it was made: it is carried out then or later.
    var second: UInt32 = 0

    /// All values are cut from here: letters, no two alike places within reach.
    static let pattern: [UInt8] = {
        var random = SplitMix(seed: 1)
        return (0..<patternBytes).map { _ in 0x61 + UInt8(random.below(26)) }
    }()
    static let patternBytes = 1 << 20

    var stores: Bool { kind.rawValue >= Kind.set.rawValue && kind.rawValue <= Kind.compareAndSet.rawValue }

    /// It is one for everybody's items.
    var flushes: Bool { kind == .flush && !isLocked }

    /// What it leaves depends on what was there.
    var changesWhatIsThere: Bool {
        if isLocked { return false }
        return switch kind {
        case .append, .prepend, .increment, .decrement, .metaArithmetic, .touch, .getAndTouch: true
        default: false
        }
    }

    var exptime: Int64 { unixTime > 0 ? unixTime : Int64(seconds) }

    /// The seconds between which what it leaves expires if it was carried out by `now`; 0 for never.
    func end(by now: UInt32) -> (from: UInt32, by: UInt32) {
        if unixTime > 0 { return (unixSecond, unixSecond) }
        return seconds > 0 ? (second + seconds, now + seconds) : (0, 0)
    }

    /// Appends the command as bytes.
    func write(_ keys: [[UInt8]], into out: inout [UInt8]) {
        if let opcode { return writePackets(opcode, keys, into: &out) }
        switch kind {
        case .get, .gets:
            out += kind == .get ? Self.get : Self.gets
            for index in key..<key + keyCount {
                out.append(32)
                out += keys[index]
            }
        case .metaGet:
            out += Self.metaGet
            out += keys[key]
            out += Self.metaGetFlags
        case .getAndTouch:
            out += "gat \(exptime) ".utf8
            out += keys[key]
        case .set, .add, .replace, .append, .prepend, .compareAndSet, .tooLarge:
            out += Self.names[Int(kind.rawValue)]
            out += keys[key]
            out += " \(flags) \(exptime) \(content.length)".utf8
            if kind == .compareAndSet { out += " \(token)".utf8 }
            if isQuiet { out += Self.noreply }
            writeValue(into: &out)
        case .metaSet:
            out += Self.metaSet
            out += keys[key]
            out += " \(content.length) F\(flags) T\(exptime) c".utf8
            writeValue(into: &out)
        case .increment, .decrement, .touch, .delete:
            out += Self.names[Int(kind.rawValue)]
            out += keys[key]
            if kind == .touch { out += " \(exptime)".utf8 }
            if kind == .increment || kind == .decrement { out += " \(delta)".utf8 }
            if isQuiet { out += Self.noreply }
        case .metaArithmetic:
            out += Self.metaArithmetic
            out += keys[key]
            out += " D\(delta) v".utf8
        case .metaDelete:
            out += Self.metaDelete
            out += keys[key]
        case .noop: out += Self.noop
        case .unknown: out += Self.unknown
        case .flush: out += "flush_all".utf8
        case .login, .wrongLogin: writeLogin(into: &out)
        }
        out += Self.lineEnd
    }

    private func writeValue(into out: inout [UInt8]) {
        out += Self.lineEnd
        writeContent(into: &out)
    }

    func writeContent(into out: inout [UInt8]) {
        if let number = content.number {
            out += "\(number)".utf8
        } else {
            out += Self.pattern[content.first.start..<content.first.start + content.first.count]
        }
    }

    private static let names: [[UInt8]] = Kind.allCases.map { kind in
        let names: [Kind: String] = [
            .set: "set ", .add: "add ", .replace: "replace ", .append: "append ", .prepend: "prepend ",
            .compareAndSet: "cas ", .tooLarge: "set ", .increment: "incr ", .decrement: "decr ", .touch: "touch ",
            .delete: "delete ",
        ]
        return Array((names[kind] ?? "").utf8)
    }
    private static let get = Array("get".utf8), gets = Array("gets".utf8), metaGet = Array("mg ".utf8)
    private static let metaGetFlags = Array(" f c t v".utf8), metaSet = Array("ms ".utf8)
    private static let metaArithmetic = Array("ma ".utf8), metaDelete = Array("md ".utf8)
    private static let noop = Array("mn".utf8), unknown = Array("bogus 1 2".utf8)
    private static let noreply = Array(" noreply".utf8), lineEnd: [UInt8] = [13, 10]
}
