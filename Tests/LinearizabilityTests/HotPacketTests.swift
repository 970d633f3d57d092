import ExecutionTesting
import LoadHistory
import Testing

/// The checker's own idea of the binary protocol against that of the server's tests: neither is made of the other.
@Suite("Packets of a check of histories")
struct HotPacketTests {
    @Test("go out as the protocol has them")
    func request() {
        let extras = BinaryPacket.bytes(UInt32(7)) + BinaryPacket.bytes(UInt32(100_000))
        let token: UInt64 = 0x0102_0304_0506_0708

        let packet = HotPacket(
            .setQ, key: "hot.1.0", value: [1, 2, 3], extras: extras, opaque: 0x0A0B_0C0D, token: token)

        let expected = BinaryPacket(
            0x11, key: "hot.1.0", value: [1, 2, 3], extras: extras, opaque: 0x0A0B_0C0D, token: token)
        #expect(packet.bytes == expected.bytes)
    }

    @Test("come in with status, opaque, token and parts")
    func reply() throws {
        let bytes = BinaryPacket.reply(
            0x0C, key: "hot.1.0", value: "value", extras: [0, 0, 1, 2], opaque: 0xFFFF_FFFE, token: 1 << 63, status: 5
        ).bytes

        let reply = try #require(HotPacket(header: Array(bytes[..<24]), body: Array(bytes[24...])))

        #expect(reply.opcode == HotPacket.Opcode.getK.rawValue && reply.status == HotPacket.Status.notStored)
        #expect(reply.opaque == 0xFFFF_FFFE && reply.token == 1 << 63)
        #expect(
            reply.extras == [0, 0, 1, 2] && reply.key == Array("hot.1.0".utf8) && reply.value == Array("value".utf8))
    }

    @Test("do not come in when their lengths do not fit")
    func lengths() {
        let bytes = BinaryPacket.reply(0x0C, key: "hot", value: "v").bytes

        #expect(HotPacket(header: Array(bytes[..<24]), body: Array(bytes[24..<26])) == nil)
        #expect(HotPacket(header: Array(bytes[..<23]), body: Array(bytes[24...])) == nil)
    }
}
