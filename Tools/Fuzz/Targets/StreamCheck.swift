import ExecutionTesting
import Glibc
import MartletServer
import StoreTesting

/// Two servers that get the same stream, one whole and one in pieces: they must say the same.
///
/// The first byte of an input is the seed of the cuts. In what follows some bytes stand for more than themselves, so
/// that short inputs reach long lines, large values, time and other connections:
///
///     ff n   n times 300 letters x
///     fe n   n seconds pass
///     fd     the other connection goes on
///
/// Lines of statistics differ by what they count, and are left out of the comparison.
struct StreamCheck {
    enum Kind { case ascii, binary, login }

    private static let repeated = 300
    private let kind: Kind

    init(_ kind: Kind) { self.kind = kind }

    func check(_ input: [UInt8]) throws {
        guard let seed = input.first else { return }
        let whole = try LogicServer(settings)
        let pieces = try LogicServer(settings)
        try serve(whole, pieces, seed, input.dropFirst())
        // It takes as long as everything else. Now that the connections have gone, nothing may be held any more.
        if seed & 7 != 0 { return }
        for server in [whole, pieces] {
            let broken = server.context.pointee.store._brokenInvariant(expectedReservations: 0, expectedLeases: 0)
            if let broken { throw FuzzFinding(broken) }
        }
    }

    private func serve(
        _ whole: LogicServer, _ pieces: LogicServer, _ seed: UInt8, _ input: ArraySlice<UInt8>
    ) throws(FuzzFinding) {
        let wholes = [whole.connect(), whole.connect()]
        let others = [
            pieces.connect(commandsMax: 1 + Int(seed) % 64), pieces.connect(commandsMax: 1 + Int(seed) / 64),
        ]
        var random = SplitMix(seed: UInt64(seed))
        var current = 0
        for part in Self.parts(input) {
            switch part {
            case .bytes(let bytes):
                wholes[current].send(bytes)
                // Of long parts the pieces are longer, or they would take long.
                let usual = max(40, bytes.count / 100)
                others[current].send(bytes) { 1 + random.below(random.below(4) == 0 ? 5000 : usual) }
            case .seconds(let seconds):
                whole.advance(seconds: seconds)
                pieces.advance(seconds: seconds)
            case .other: current = 1 - current
            }
        }
        for (left, right) in zip(wholes, others) {
            try compare(left.takeReplies(), right.takeReplies())
            try FuzzFinding.expect(left.isClosed == right.isClosed, "only one of the two connections was closed")
        }
    }

    private func compare(_ left: [UInt8], _ right: [UInt8]) throws(FuzzFinding) {
        if left == right { return }
        // A dump begins only where no other command came with it, as in memcached: that depends on the cuts.
        if left.contains(Self.notAlone) || right.contains(Self.notAlone) { return }
        let (left, right) = (Self.comparable(left, kind), Self.comparable(right, kind))
        if left == right { return }
        let place = zip(left, right).prefix { $0.0 == $0.1 }.count
        func around(_ bytes: [UInt8]) -> String {
            String(decoding: bytes.dropFirst(max(place - 40, 0)).prefix(120), as: UTF8.self).debugDescription
        }
        throw FuzzFinding("whole and in pieces differ at byte \(place): \(around(left)), \(around(right))")
    }

    private static let notAlone = Array("ERROR cannot pipeline other commands before".utf8)

    /// Without statistics.
    private static func comparable(_ reply: [UInt8], _ kind: Kind) -> [UInt8] {
        if kind != .binary {
            return Array(
                reply.split(separator: 10, omittingEmptySubsequences: false).filter { !$0.starts(with: "STAT ".utf8) }
                    .joined(separator: [10]))
        }
        guard let packets = BinaryPacket.all(reply) else { return reply }
        return packets.filter { $0.opcode != 0x10 }.flatMap(\.bytes)
    }

    private enum Part {
        case bytes([UInt8])
        case seconds(UInt32)
        case other
    }

    private static func parts(_ input: ArraySlice<UInt8>) -> [Part] {
        var parts: [Part] = []
        var bytes: [UInt8] = []
        var rest = input
        func end() {
            if !bytes.isEmpty { parts.append(.bytes(bytes)) }
            bytes = []
        }
        while let byte = rest.popFirst() {
            switch byte {
            case 0xff: bytes += [UInt8](repeating: 0x78, count: Self.repeated * Int(rest.popFirst() ?? 0))
            case 0xfe:
                end()
                parts.append(.seconds(UInt32(rest.popFirst() ?? 0)))
            case 0xfd:
                end()
                parts.append(.other)
            default: bytes.append(byte)
            }
        }
        end()
        return parts
    }

    /// As small a store as there is: each input has two of its own.
    private var settings: ServerSettings {
        var settings = ServerSettings()
        settings.memoryBytes = 4 << 20
        settings.itemBytesMax = 1 << 20
        // It is refused where other commands came with it, and so depends on the cuts.
        settings.allowsWatch = false
        switch kind {
        case .ascii: settings.protocolName = "ascii"
        case .binary: settings.protocolName = "binary"
        case .login: settings.authFilePath = Self.credentials.path
        }
        return settings
    }

    private static let credentials = UnnamedFile("ann:secret\nbob:a:b c\neve:\(hashed)\n")
    private static let hashed = PasswordHash(of: "slow".utf8, rounds: 1, salt: [1, 2, 3])?.text ?? ""
}

/// A file without a name, as long as the program runs.
final class UnnamedFile: Sendable {
    let path: String

    init(_ text: String) {
        var template = Array("/tmp/martlet-fuzz.XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        precondition(descriptor >= 0, "a file can be made")
        unlink(template)
        var text = text
        text.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
        path = "/proc/self/fd/\(descriptor)"
    }
}
