/// Commands of connections that speak the binary protocol.
extension HotCommandSource {
    /// What is asked for as a packet; `isQuiet` of nil: now and then in its quiet form.
    ///
    /// Under pressure, too: a refusal has the opaque of its command, and is told whether or not that is quiet.
    mutating func packet(
        _ key: Int, _ intent: HotCommand.Intent, value: [UInt8] = [], isQuiet: Bool? = nil, name: String? = nil
    ) -> HotCommand {
        packetCount &+= 1
        return HotCommand(
            key, name: name ?? keys[key].name, intent, value: value, isQuiet: isQuiet ?? (below(5) == 0),
            tellsKey: below(2) == 0,
            // No other connection's, so that a reply to one of those would be noticed.
            opaque: UInt32(truncatingIfNeeded: client) << 24 | packetCount & 0xFF_FFFF)
    }

    mutating func readPacket(_ key: Int) -> HotCommand {
        packet(key, below(6) == 0 ? .getAndTouch(life: life()) : .get, isQuiet: false)
    }

    mutating func touchPacket(_ key: Int) -> HotCommand {
        let life = life()
        return below(2) == 0 ? packet(key, .touch(life: life), isQuiet: false) : packet(key, .getAndTouch(life: life))
    }
}
