/// Commands as the binary protocol has them.
extension HotCommand {
    /// A packet that asks for `intent`, which must have a form in the binary protocol. `value` is what it stores or adds.
    init(
        _ key: Int, name: String, _ intent: Intent, value: [UInt8], isQuiet: Bool, tellsKey: Bool, opaque: UInt32
    ) {
        var extras: [UInt8] = []
        var token: UInt64 = 0
        let opcode: HotPacket.Opcode
        switch intent {
        case .get: opcode = tellsKey ? (isQuiet ? .getKQ : .getK) : isQuiet ? .getQ : .get
        case .getAndTouch(let life):
            opcode = tellsKey ? (isQuiet ? .gatKQ : .gatK) : isQuiet ? .gatQ : .gat
            extras = Self.extras(life)
        case .touch(let life):
            opcode = .touch
            extras = Self.extras(life)
        case .set(_, let flags, let life, _):
            opcode = isQuiet ? .setQ : .set
            extras = HotPacket.bytes(flags) + Self.extras(life)
        case .add(_, let flags, let life):
            opcode = isQuiet ? .addQ : .add
            extras = HotPacket.bytes(flags) + Self.extras(life)
        case .replace(_, let flags, let life):
            opcode = isQuiet ? .replaceQ : .replace
            extras = HotPacket.bytes(flags) + Self.extras(life)
        case .compareAndSet(let compare, _, let flags, let life, _):
            opcode = isQuiet ? .setQ : .set
            extras = HotPacket.bytes(flags) + Self.extras(life)
            token = compare
        case .append: opcode = isQuiet ? .appendQ : .append
        case .prepend: opcode = isQuiet ? .prependQ : .prepend
        case .increment(let delta, let birth):
            opcode = isQuiet ? .incrementQ : .increment
            extras = Self.extras(delta, birth)
        case .decrement(let delta, let birth):
            opcode = isQuiet ? .decrementQ : .decrement
            extras = Self.extras(delta, birth)
        case .delete: opcode = isQuiet ? .deleteQ : .delete
        case .compareAndDelete(let compare):
            opcode = isQuiet ? .deleteQ : .delete
            token = compare
        case .flush: opcode = .flush
        case .pressure:
            opcode = .set
            extras = HotPacket.bytes(UInt64(0))
        case .vivify, .invalidate: preconditionFailure("Only meta commands can.")
        }
        self.init(
            key, intent,
            HotPacket(
                opcode, key: opcode == .flush ? "" : name, value: value, extras: extras, opaque: opaque, token: token),
            reply: isQuiet ? .unusual(opaque: "\(opaque)") : .always)
    }

    private static func extras(_ life: Int) -> [UInt8] { HotPacket.bytes(UInt32(life)) }

    /// All bits of the life set: a counter that is not there is not made.
    private static func extras(_ delta: UInt64, _ birth: ItemModel.Birth?) -> [UInt8] {
        HotPacket.bytes(delta) + HotPacket.bytes(birth?.number ?? 0)
            + HotPacket.bytes(birth.map { UInt32($0.life) } ?? .max)
    }
}
