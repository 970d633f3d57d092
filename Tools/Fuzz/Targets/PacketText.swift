import ExecutionTesting

/// Packets of the binary protocol out of any bytes, because random bytes hardly ever have lengths that fit.
///
/// An input that begins with an even byte is its own packets, whatever they are. Behind an odd one (both are the seed
/// of `StreamCheck`), packets are put together:
///
///     opcode | key length | extras length | value length / 4 | what is wrong | extras and key, taken from what follows
///
/// `what is wrong` is 0 for nothing; its bits change the magic, the lengths, the token and the opaque number.
enum PacketText {
    static func packets(_ input: [UInt8]) -> [UInt8] {
        guard let seed = input.first, seed & 1 == 1 else { return input }
        var rest = input.dropFirst()
        var bytes = [seed]
        while rest.count >= 5 {
            let head = rest.prefix(5)
            rest = rest.dropFirst(5)
            bytes += packet(Array(head), &rest)
        }
        return bytes
    }

    private static func packet(_ head: [UInt8], _ rest: inout ArraySlice<UInt8>) -> [UInt8] {
        let (keyLength, extrasLength, valueLength, wrong) = (
            Int(head[1] % 32), Int(head[2] % 32), Int(head[3]) * 4, head[4]
        )
        func take(_ count: Int) -> [UInt8] {
            let taken = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            return taken + [UInt8](repeating: 0, count: count - taken.count)
        }
        var packet = BinaryPacket(head[0], opaque: UInt32(head[3]) << 8 | 7)
        packet.extras = take(extrasLength)
        packet.key = take(keyLength).map { 0x61 + $0 % 4 }
        packet.value = (0..<valueLength).map { 0x30 + UInt8($0 % 10) }
        if wrong & 1 != 0 { packet.token = UInt64(wrong >> 3) }
        if wrong & 2 != 0 { packet.magic = 0x81 }
        var bytes = packet.bytes
        // The lengths of key, extras and body, in place.
        if wrong & 4 != 0 { bytes[3] = wrong }
        if wrong & 8 != 0 { bytes[4] = wrong }
        if wrong & 16 != 0 { bytes[8] = wrong }
        if wrong & 32 != 0 { bytes[11] = bytes[11] &+ 1 }
        return bytes
    }
}
