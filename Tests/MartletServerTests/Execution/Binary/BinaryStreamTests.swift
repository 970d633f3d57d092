import ExecutionTesting
import MartletServer
import StoreTesting
import Testing

/// Goal: whatever bytes come in the binary protocol, nothing traps, and the answers do not depend on the cuts.
/// Method: seeded streams of packets, good, bad and garbage, each answered once whole and once in random pieces.
@Suite("Random binary streams")
struct BinaryStreamTests {
    @Test("are answered the same in one piece and in many", arguments: 0..<40)
    func pieces(_ index: Int) throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix(seed: seed)
        let stream = (0..<150).flatMap { _ in Self.packet(&random) }
        let whole = try LogicServer().connect()
        let pieces = try LogicServer().connect(commandsMax: 1 + random.below(64))

        whole.send(stream)
        pieces.send(stream) { 1 + random.below(random.below(4) == 0 ? 5000 : 40) }

        #expect(whole.isClosed == pieces.isClosed, "seed \(seed)")
        #expect(whole.takeReplies() == pieces.takeReplies(), "seed \(seed)")
    }

    private static func packet(_ random: inout SplitMix) -> [UInt8] {
        let opcode = UInt8(random.below(0x26))
        let extras: Int
        var valueBytes = 0
        switch opcode {
        case 0x01...0x03, 0x11...0x13:
            extras = 8
            valueBytes = [0, 1, 2, 100, 5000, 17_000, 40_000][random.below(7)]
        case 0x0E, 0x0F, 0x19, 0x1A:
            extras = 0
            valueBytes = random.below(30)
        case 0x05, 0x06, 0x15, 0x16: extras = 20
        case 0x1C...0x1E, 0x23, 0x24: extras = 4
        default: extras = 0
        }
        let hasKey = ![0x07, 0x08, 0x0A, 0x0B, 0x17, 0x18, 0x10].contains(opcode)
        var packet = BinaryPacket(
            opcode, key: hasKey ? ["a", "b", "cc", "n"][random.below(4)] : "",
            value: (0..<valueBytes).map { _ in UInt8(0x30 + random.below(10)) },
            extras: (0..<extras).map { _ in random.below(3) == 0 ? UInt8(random.below(256)) : 0 },
            opaque: UInt32(random.below(1 << 30)), token: random.below(6) == 0 ? UInt64(random.below(40)) : 0)
        if opcode == 0x07 || opcode == 0x17 || opcode == 0x10 { packet.opcode = 0x0A }
        var bytes = packet.bytes
        // A header that is wrong here and there; most such connections end at once.
        if random.below(60) == 0 { bytes[random.below(min(bytes.count, 12))] = UInt8(random.below(256)) }
        // Statistics tell of the moment in which they are asked for.
        if bytes[1] == 0x10 { bytes[1] = 0x0A }
        return bytes
    }
}
