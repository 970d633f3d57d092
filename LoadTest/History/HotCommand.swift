/// One command about hot keys, as it is sent, and how its reply is to be read.
struct HotCommand {
    /// How the reply looks.
    enum Form {
        /// `VALUE` lines up to `END`, one key or several; with tokens or without.
        case values(keys: [Int], hasTokens: Bool)
        case metaValue
        /// A word, or for meta commands a status with flags.
        case verdict
        /// A number, or `VA` with one behind it.
        case number
    }

    /// What is asked for, without its answer.
    enum Intent {
        case get
        case set(value: String, flags: UInt32)
        case add(value: String, flags: UInt32)
        case replace(value: String, flags: UInt32)
        case compareAndSet(token: UInt64, value: String, flags: UInt32)
        case append(String)
        case increment(UInt64)
        case decrement(UInt64)
        case delete
        case compareAndDelete(token: UInt64)
        /// A cold item that nobody asks for: it takes room.
        case pressure
    }

    let key: Int
    let form: Form
    let intent: Intent
    let bytes: [UInt8]

    init(_ key: Int, _ form: Form, _ intent: Intent, _ line: String, value: [UInt8]? = nil) {
        self.key = key
        self.form = form
        self.intent = intent
        bytes = Array((line + "\r\n").utf8) + (value.map { $0 + [13, 10] } ?? [])
    }

    /// All meta commands are two letters, of which the first is an m.
    var isMeta: Bool { bytes.count > 2 && bytes[0] == 0x6D && bytes[2] == 0x20 }

    /// For people.
    var text: String { String(decoding: bytes.prefix { $0 != 13 }.prefix(80), as: UTF8.self) }
}
