/// A request or a reply of the binary protocol, put together and taken apart byte by byte.
package struct BinaryPacket: Equatable, CustomStringConvertible {
    package var magic: UInt8
    package var opcode: UInt8
    package var status: UInt16
    package var opaque: UInt32
    package var token: UInt64
    package var extras: [UInt8]
    package var key: [UInt8]
    package var value: [UInt8]

    package init(
        _ opcode: UInt8, key: String = "", value: [UInt8] = [], extras: [UInt8] = [], opaque: UInt32 = 0,
        token: UInt64 = 0, status: UInt16 = 0, magic: UInt8 = 0x80
    ) {
        self.magic = magic
        self.opcode = opcode
        self.status = status
        self.opaque = opaque
        self.token = token
        self.extras = extras
        self.key = Array(key.utf8)
        self.value = value
    }

    package static func reply(
        _ opcode: UInt8, key: String = "", value: String = "", extras: [UInt8] = [], opaque: UInt32 = 0,
        token: UInt64 = 0, status: UInt16 = 0
    ) -> BinaryPacket {
        BinaryPacket(
            opcode, key: key, value: Array(value.utf8), extras: extras, opaque: opaque, token: token, status: status,
            magic: 0x81)
    }

    package var bytes: [UInt8] {
        let body = UInt32(extras.count + key.count + value.count)
        return [magic, opcode] + Self.bytes(UInt16(key.count)) + [UInt8(extras.count), 0] + Self.bytes(status)
            + Self.bytes(body) + Self.bytes(opaque) + Self.bytes(token) + extras + key + value
    }

    /// Big-endian.
    package static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// The packets that `bytes` consist of; nil if something is left over.
    package static func all(_ bytes: [UInt8]) -> [BinaryPacket]? {
        var packets: [BinaryPacket] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard rest.count >= 24 else { return nil }
            func number(_ offset: Int, _ count: Int) -> UInt64 {
                rest.dropFirst(offset).prefix(count).reduce(0) { $0 << 8 | UInt64($1) }
            }
            let keyBytes = Int(number(2, 2))
            let extrasBytes = Int(number(4, 1))
            let bodyBytes = Int(number(8, 4))
            guard rest.count >= 24 + bodyBytes, bodyBytes >= keyBytes + extrasBytes else { return nil }
            let body = rest.dropFirst(24).prefix(bodyBytes)
            var packet = BinaryPacket(
                UInt8(number(1, 1)), opaque: UInt32(number(12, 4)), token: number(16, 8), status: UInt16(number(6, 2)),
                magic: UInt8(number(0, 1)))
            packet.extras = Array(body.prefix(extrasBytes))
            packet.key = Array(body.dropFirst(extrasBytes).prefix(keyBytes))
            packet.value = Array(body.dropFirst(extrasBytes + keyBytes))
            packets.append(packet)
            rest = rest.dropFirst(24 + bodyBytes)
        }
        return packets
    }

    package var description: String {
        "\(magic)/\(opcode) status \(status) key \(String(decoding: key, as: UTF8.self)) extras \(extras) "
            + "value \(String(decoding: value.prefix(40), as: UTF8.self)) (\(value.count)) #\(opaque) =\(token)"
    }
}
