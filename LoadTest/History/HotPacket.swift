/// A request of the binary protocol, or a reply. It is not the server's own code for them: whoever checks a server has
/// read the format himself.
///
///      0  magic: 0x80 in requests, 0x81 in replies     8  bytes behind the header (4)
///      1  opcode                                      12  opaque (4): the reply repeats it
///      2  bytes of the key (2)                        16  CAS token (8)
///      4  bytes of the extras                         24  extras, key, value
///      6  status of a reply (2)
///
/// Numbers are big-endian.
package struct HotPacket: Equatable, Sendable {
    /// Q: answered only when it fails or brings a value. K: the reply tells the key.
    package enum Opcode: UInt8, Sendable {
        case get = 0x00
        case set, add, replace, delete, increment, decrement
        case flush = 0x08
        case getQ = 0x09
        case getK = 0x0C
        case getKQ, append, prepend
        case setQ = 0x11
        case addQ, replaceQ, deleteQ, incrementQ, decrementQ
        case appendQ = 0x19
        case prependQ
        case touch = 0x1C
        case gat, gatQ
        case gatK = 0x23
        case gatKQ

        var tellsKey: Bool {
            switch self {
            case .getK, .getKQ, .gatK, .gatKQ: true
            default: false
            }
        }
    }

    package enum Status {
        package static let success: UInt16 = 0x00
        package static let notFound: UInt16 = 0x01
        package static let exists: UInt16 = 0x02
        package static let notStored: UInt16 = 0x05
        package static let unknownCommand: UInt16 = 0x81
        package static let outOfMemory: UInt16 = 0x82
    }

    static let replyMagic: UInt8 = 0x81
    static let headerBytes = 24
    /// No reply has more behind its header.
    private static let bodyBytesMax = 1 << 30

    package let opcode: UInt8
    /// Of a reply.
    package var status = Status.success
    package let opaque: UInt32
    package let token: UInt64
    package let extras: [UInt8]
    package let key: [UInt8]
    package let value: [UInt8]

    /// A request.
    package init(
        _ opcode: Opcode, key: String, value: [UInt8] = [], extras: [UInt8] = [], opaque: UInt32, token: UInt64 = 0
    ) {
        self.opcode = opcode.rawValue
        self.opaque = opaque
        self.token = token
        self.extras = extras
        self.key = Array(key.utf8)
        self.value = value
    }

    /// A reply; nil where the lengths do not fit each other.
    package init?(header: [UInt8], body: [UInt8]) {
        guard header.count == Self.headerBytes else { return nil }
        let keyStart = Int(header[4])
        let valueStart = keyStart + Int(Self.number(header, at: 2, UInt16.self))
        guard valueStart <= body.count else { return nil }
        opcode = header[1]
        status = Self.number(header, at: 6, UInt16.self)
        opaque = Self.opaque(header)
        token = Self.number(header, at: 16, UInt64.self)
        extras = Array(body[..<keyStart])
        key = Array(body[keyStart..<valueStart])
        value = Array(body[valueStart...])
    }

    /// The request as it is sent.
    package var bytes: [UInt8] {
        let body = UInt32(extras.count + key.count + value.count)
        return [0x80, opcode] + Self.bytes(UInt16(key.count)) + [UInt8(extras.count), 0, 0, 0] + Self.bytes(body)
            + Self.bytes(opaque) + Self.bytes(token) + extras + key + value
    }

    var tellsKey: Bool { Opcode(rawValue: opcode)?.tellsKey ?? false }

    /// nil: no reply has that many.
    static func bodyBytes(_ header: [UInt8]) -> Int? {
        let count = Int(number(header, at: 8, UInt32.self))
        return count <= bodyBytesMax ? count : nil
    }

    static func opaque(_ header: [UInt8]) -> UInt32 { number(header, at: 12, UInt32.self) }

    static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    static func number<Number: FixedWidthInteger>(_ bytes: [UInt8], at place: Int = 0, _ type: Number.Type) -> Number {
        bytes[place..<place + Number.bitWidth / 8].reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }
}

extension HotPacket: CustomStringConvertible {
    package var description: String {
        "a packet with opcode 0x\(String(opcode, radix: 16)), status \(status), opaque \(opaque), token \(token), "
            + "\(extras.count) + \(key.count) + \(value.count) bytes"
    }
}
