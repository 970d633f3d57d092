/// Packets of the binary protocol, to the same items.
extension HotBrain {
    static let requestMagic: UInt8 = 0x80
    private static let headerBytes = 24

    /// Quiet opcodes with the ones that do the same.
    private static let heard: [UInt8: UInt8] = [
        0x09: 0x00, 0x0D: 0x0C, 0x11: 0x01, 0x12: 0x02, 0x13: 0x03, 0x14: 0x04, 0x15: 0x05, 0x16: 0x06, 0x19: 0x0E,
        0x1A: 0x0F, 0x1E: 0x1D, 0x24: 0x23,
    ]

    private enum Status {
        static let done: UInt16 = 0
        static let notFound: UInt16 = 1
        static let exists: UInt16 = 2
        static let notStored: UInt16 = 5
        static let unknown: UInt16 = 0x81
    }

    private struct Answer {
        var status: UInt16
        var token: UInt64 = 0
        var extras: [UInt8] = []
        var key: [UInt8] = []
        var value: [UInt8] = []
    }

    /// Where the packet at `position` ends; nil when it is not there whole.
    static func packetEnd(_ input: [UInt8], _ position: Int) -> Int? {
        guard input.count >= position + headerBytes else { return nil }
        let end = position + headerBytes + Int(number(input[(position + 8)..<(position + 12)]))
        return input.count >= end ? end : nil
    }

    private static func number(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// The reply, empty where there is none.
    mutating func reply(packet: [UInt8]) -> [UInt8] {
        let quiet = Self.heard[packet[1]]
        let opcode = quiet ?? packet[1]
        let isRead = [0x00, 0x0C, 0x1D, 0x23].contains(opcode)
        if quiet != nil, !isRead, case .lostQuiet(let every) = fault, strikes(every) { return [] }
        let answer = answer(packet, opcode)
        if quiet != nil, isRead ? answer.status == Status.notFound : answer.status == Status.done { return [] }
        var opaque = Array(packet[12..<16])
        // Not one of the next few commands'.
        if case .strangeOpaque(let every) = fault, strikes(every) { opaque[0] ^= 0x80 }
        let body = answer.extras + answer.key + answer.value
        return [0x81, packet[1]] + Self.bytes(UInt16(answer.key.count)) + [UInt8(answer.extras.count), 0]
            + Self.bytes(answer.status) + Self.bytes(UInt32(body.count)) + opaque + Self.bytes(answer.token) + body
    }

    private mutating func answer(_ packet: [UInt8], _ opcode: UInt8) -> Answer {
        let extras = Array(packet[Self.headerBytes...].prefix(Int(packet[4])))
        let rest = packet[(Self.headerBytes + extras.count)...]
        let name = Array(rest.prefix(Int(Self.number(packet[2..<4]))))
        let value = Array(rest.dropFirst(name.count))
        let key = String(decoding: name, as: UTF8.self)
        let token = Self.number(packet[16..<24])
        let compare = token == 0 ? nil : token
        evict(key)
        switch opcode {
        case 0x00, 0x0C, 0x1D, 0x23:
            guard let item = found(key) else { return Answer(status: Status.notFound) }
            if !extras.isEmpty { touch(key, "\(Self.number(extras))") }
            return Answer(
                status: Status.done, token: item.token, extras: Self.bytes(UInt32(item.flags) ?? 0),
                key: opcode == 0x0C || opcode == 0x23 ? name : [], value: item.value)
        case 0x1C:
            guard touch(key, "\(Self.number(extras))") else { return Answer(status: Status.notFound) }
            return Answer(status: Status.done, extras: [0, 0, 0, 0])
        case 0x01, 0x02, 0x03:
            let verb = ["set", "add", "replace"][Int(opcode) - 1]
            let word = store(
                key, verb, value, "\(Self.number(extras.prefix(4)))", life: "\(Self.number(extras.suffix(4)))",
                compare: compare)
            return stored(key, word, notStored: verb == "add" ? Status.exists : Status.notFound)
        case 0x0E, 0x0F:
            let word = store(key, opcode == 0x0E ? "append" : "prepend", value, "0", life: "0", compare: compare)
            return stored(key, word, notStored: Status.notStored)
        case 0x05, 0x06: return counted(key, extras, isDecrement: opcode == 0x06)
        case 0x04:
            let word = remove(key, compare)
            return Answer(status: word == "HD" ? Status.done : word == "EX" ? Status.exists : Status.notFound)
        case 0x08: return Answer(status: Status.done)
        default: return Answer(status: Status.unknown)
        }
    }

    /// `word`: the status in the words of meta commands.
    private func stored(_ key: String, _ word: String, notStored: UInt16) -> Answer {
        switch word {
        case "HD": Answer(status: Status.done, token: keys[key]?.item?.token ?? 0)
        case "NS": Answer(status: notStored)
        case "EX": Answer(status: Status.exists)
        default: Answer(status: Status.notFound)
        }
    }

    private mutating func counted(_ key: String, _ extras: [UInt8], isDecrement: Bool) -> Answer {
        let delta = Self.number(extras.prefix(8))
        let initial = Self.number(extras[8..<16])
        let life = UInt32(truncatingIfNeeded: Self.number(extras.suffix(4)))
        let made = life == .max ? [] : ["N\(life)", "J\(initial)"]
        guard let text = count(key, isDecrement ? "decr" : "incr", "\(delta)") ?? vivifyNumber(key, made),
            let number = UInt64(text)
        else { return Answer(status: Status.notFound) }
        return Answer(status: Status.done, token: keys[key]?.item?.token ?? 0, value: Self.bytes(number))
    }
}
