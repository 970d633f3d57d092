import StoreTesting

/// Opcodes of the binary protocol, by memcached's numbers. Not the server's list: a wrong number there is to be found.
enum PacketOpcode: UInt8 {
    case get = 0x00
    case set, add, replace, delete, increment, decrement
    case flush = 0x08
    case quietGet
    case noop, version, getKey, quietGetKey, append, prepend
    case quietSet = 0x11
    case quietAdd, quietReplace, quietDelete, quietIncrement, quietDecrement
    case quietFlush = 0x18
    case quietAppend, quietPrepend
    case touch = 0x1C
    case getAndTouch, quietGetAndTouch
    case getAndTouchKey = 0x23
    case quietGetAndTouchKey

    /// Some that nobody carries out.
    static let unknown: [UInt8] = [0x1B, 0x20, 0x3E, 0xFF]
}

/// Commands in the binary protocol, where a quiet one is answered if it fails or brings a value.
extension SimulatedCommand {
    /// Makes it a command of the binary protocol, in one of the forms that it has there. `opaque` is the next one that
    /// was not used yet.
    mutating func becomeBinary(_ random: inout SplitMix, tokenSeen: UInt64, opaque next: inout UInt32) {
        switch kind {
        case .gets, .metaGet: kind = .get
        case .metaSet: kind = .set
        case .metaArithmetic: kind = .increment
        case .metaDelete: kind = .delete
        default: break
        }
        switch kind {
        case .touch, .noop, .unknown: isQuiet = false
        // Those are quiet with a `noop` behind, as one command.
        case .get where keyCount > 1: isQuiet = false
        default: if !isQuiet { isQuiet = random.below(5) == 0 }
        }
        switch kind {
        case .append, .prepend, .delete, .increment, .decrement: if random.below(4) == 0 { token = tokenSeen }
        case .unknown: content = .pattern(random.below(4096), random.below(random.below(8) == 0 ? 30_000 : 40))
        default: break
        }
        let draw = random.below(4)
        opcode = kind == .unknown ? PacketOpcode.unknown[draw] : packetOpcode(draw).rawValue
        opaque = next
        next &+= kind == .get ? UInt32(keyCount) + 1 : 1
    }

    private func packetOpcode(_ draw: Int) -> PacketOpcode {
        let isEven = draw % 2 == 0
        switch kind {
        case .get, .gets, .metaGet:
            if isQuiet || keyCount > 1 { return isEven ? .quietGet : .quietGetKey }
            return isEven ? .get : .getKey
        case .getAndTouch:
            if isQuiet { return isEven ? .quietGetAndTouch : .quietGetAndTouchKey }
            return isEven ? .getAndTouch : .getAndTouchKey
        case .set, .metaSet, .tooLarge: return isQuiet ? .quietSet : .set
        // With a token all three of them are one.
        case .compareAndSet:
            if draw == 0 { return isQuiet ? .quietAdd : .add }
            if draw == 1 { return isQuiet ? .quietReplace : .replace }
            return isQuiet ? .quietSet : .set
        case .add: return isQuiet ? .quietAdd : .add
        case .replace: return isQuiet ? .quietReplace : .replace
        case .append: return isQuiet ? .quietAppend : .append
        case .prepend: return isQuiet ? .quietPrepend : .prepend
        case .increment, .metaArithmetic: return isQuiet ? .quietIncrement : .increment
        case .decrement: return isQuiet ? .quietDecrement : .decrement
        case .delete, .metaDelete: return isQuiet ? .quietDelete : .delete
        case .touch: return .touch
        case .flush: return isQuiet ? .quietFlush : .flush
        case .noop, .unknown, .login, .wrongLogin: return isEven ? .noop : .version
        }
    }

    /// The reply to it tells the key.
    var tellsKey: Bool {
        switch opcode.flatMap({ PacketOpcode(rawValue: $0) }) {
        case .getKey, .quietGetKey, .getAndTouchKey, .quietGetAndTouchKey: true
        default: false
        }
    }

    /// The counter that it makes where there is none, if it does.
    func madeCounter(by now: UInt32) -> KeyBelief.Item? {
        guard let initial else { return nil }
        var item = KeyBelief.Item(content: .counter(initial, lengthMin: 1), flags: 0)
        (item.expiresFrom, item.expiresBy) = end(by: now)
        return item
    }

    // MARK: Bytes

    /// Appends the command as one packet; of `get` with many keys, as one for each and a `noop`.
    func writePackets(_ opcode: UInt8, _ keys: [[UInt8]], into out: inout [UInt8]) {
        switch kind {
        case .get where keyCount > 1:
            for index in 0..<keyCount {
                writeHeader(opcode, key: keys[key + index], opaque: opaque &+ UInt32(index), into: &out)
                out += keys[key + index]
            }
            writeHeader(PacketOpcode.noop.rawValue, opaque: opaque &+ UInt32(keyCount), into: &out)
        case .get, .gets, .metaGet, .delete, .metaDelete:
            writeHeader(opcode, key: keys[key], opaque: opaque, into: &out)
            out += keys[key]
        case .getAndTouch, .touch:
            writeHeader(opcode, key: keys[key], extrasBytes: 4, opaque: opaque, into: &out)
            Self.write(UInt32(clamping: exptime), into: &out)
            out += keys[key]
        case .set, .metaSet, .add, .replace, .compareAndSet, .tooLarge:
            writeHeader(
                opcode, key: keys[key], extrasBytes: 8, valueBytes: content.length, opaque: opaque, into: &out)
            Self.write(flags, into: &out)
            Self.write(UInt32(clamping: exptime), into: &out)
            out += keys[key]
            writeContent(into: &out)
        case .append, .prepend:
            writeHeader(opcode, key: keys[key], valueBytes: content.length, opaque: opaque, into: &out)
            out += keys[key]
            writeContent(into: &out)
        case .increment, .decrement, .metaArithmetic:
            writeHeader(opcode, key: keys[key], extrasBytes: 20, opaque: opaque, into: &out)
            Self.write(delta, into: &out)
            Self.write(initial ?? delta, into: &out)
            Self.write(initial == nil ? UInt32.max : UInt32(clamping: exptime), into: &out)
            out += keys[key]
        case .noop, .login, .wrongLogin: writeHeader(opcode, opaque: opaque, into: &out)
        case .flush:
            // A delay of nothing is no delay.
            writeHeader(opcode, extrasBytes: form == 0 ? 0 : 4, opaque: opaque, into: &out)
            if form != 0 { Self.write(UInt32(0), into: &out) }
        case .unknown:
            writeHeader(opcode, valueBytes: content.length, opaque: opaque, into: &out)
            writeContent(into: &out)
        }
    }

    private func writeHeader(
        _ opcode: UInt8, key: [UInt8] = [], extrasBytes: Int = 0, valueBytes: Int = 0, opaque: UInt32,
        into out: inout [UInt8]
    ) {
        out.append(0x80)
        out.append(opcode)
        Self.write(UInt16(key.count), into: &out)
        out.append(UInt8(extrasBytes))
        out.append(0)
        Self.write(UInt16(0), into: &out)
        Self.write(UInt32(extrasBytes + key.count + valueBytes), into: &out)
        Self.write(opaque, into: &out)
        Self.write(token, into: &out)
    }

    private static func write(_ number: some FixedWidthInteger, into out: inout [UInt8]) {
        withUnsafeBytes(of: number.bigEndian) { out += $0 }
    }

    /// What it is, for whoever looks at a run.
    var packetText: String {
        let initial = initial.map { "\($0)" } ?? "none"
        return "packet \(opcode.map { String($0, radix: 16) } ?? "") #\(opaque) \(kind) key \(key) of \(keyCount) "
            + "quiet \(isQuiet) \(content.length) B flags \(flags) until \(exptime) token \(token) "
            + "delta \(delta) initial \(initial)"
    }
}
