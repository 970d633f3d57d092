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
        /// A packet of the binary protocol, to this one; what is in it goes by the intent.
        case packet(HotPacket)
    }

    /// What is asked for, without its answer.
    enum Intent {
        case get
        case getAndTouch(life: Int)
        case vivify(life: Int)
        case touch(life: Int)
        /// A token of nil is the server's to choose.
        case set(value: String, flags: UInt32, life: Int, token: UInt64? = nil)
        case add(value: String, flags: UInt32, life: Int)
        case replace(value: String, flags: UInt32, life: Int)
        case compareAndSet(token: UInt64, value: String, flags: UInt32, life: Int, storesOld: Bool = false)
        case append(String, birth: ItemModel.Birth?)
        case prepend(String, birth: ItemModel.Birth?)
        case increment(UInt64, birth: ItemModel.Birth? = nil)
        case decrement(UInt64, birth: ItemModel.Birth? = nil)
        case delete
        case compareAndDelete(token: UInt64)
        case invalidate(marksStale: Bool, dropsValue: Bool, life: Int?)
        /// Of all keys.
        case flush
        /// A cold item that nobody asks for: it takes room.
        case pressure
    }

    /// Whether there is a reply.
    enum Reply: Equatable {
        case always
        /// `noreply`: none.
        case never
        /// `q`, or a quiet packet: only one that is not the usual one, which has this opaque token.
        case unusual(opaque: String)
    }

    let key: Int
    let form: Form
    let intent: Intent
    let reply: Reply
    let bytes: [UInt8]

    init(
        _ key: Int, _ form: Form, _ intent: Intent, _ line: String, value: [UInt8]? = nil, reply: Reply = .always
    ) {
        self.key = key
        self.form = form
        self.intent = intent
        self.reply = reply
        let ending =
            switch reply {
            case .always: ""
            case .never: " noreply"
            case .unusual(let opaque): " q O\(opaque)"
            }
        bytes = Array((line + ending + "\r\n").utf8) + (value.map { $0 + [13, 10] } ?? [])
    }

    init(_ key: Int, _ intent: Intent, _ packet: HotPacket, reply: Reply) {
        self.key = key
        form = .packet(packet)
        self.intent = intent
        self.reply = reply
        bytes = packet.bytes
    }

    /// All meta commands are two letters, of which the first is an m.
    var isMeta: Bool { bytes.count > 2 && bytes[0] == 0x6D && bytes[2] == 0x20 }

    /// For people.
    var text: String {
        guard case .packet(let packet) = form else {
            return String(decoding: bytes.prefix { $0 != 13 }.prefix(80), as: UTF8.self)
        }
        let name = HotPacket.Opcode(rawValue: packet.opcode).map { "\($0) " } ?? ""
        return "binary \(name)\(String(decoding: packet.key, as: UTF8.self))"
    }
}
