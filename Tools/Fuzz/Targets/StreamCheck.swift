import ExecutionTesting
import Glibc
import MartletServer
import StoreTesting

/// Two servers that get the same stream, one whole and one in pieces: they must say the same.
///
/// The first byte of an input is the seed of the cuts. In what follows some bytes stand for more than themselves, so
/// that short inputs reach long lines, large values, time and other connections:
///
///     ff n   n times 300 letters x; with more than `repeatedBytesMax` of them in an input, the rest is left out
///     fe n   n seconds pass
///     fd     the other connection goes on
///
/// Where logins are asked for, bit 6 of the seed gives the clients an address that has tried 64 passwords but for the
/// number in the lowest three bits: then its tries wait for time to pass (`LoginPace`).
///
/// Lines of statistics differ by what they count, and are left out of the comparison.
///
/// Servers are made anew for each input: what a store has been through shows in the places of its items, its tokens and
/// its clock, and an input would mean something else each time. They are small, with little address space, so that it
/// does not take long.
struct StreamCheck {
    enum Kind { case ascii, binary, negotiated, login }

    private static let repeated = 300
    private static let repeatedBytesMax = 1 << 20
    private static let memoryBytes = 4 << 20
    private let kind: Kind

    init(_ kind: Kind) { self.kind = kind }

    func check(_ input: [UInt8]) throws {
        guard let seed = input.first else { return }
        let whole = try Self.server(settings)
        let pieces = try Self.server(settings)
        try serve(whole, pieces, seed, input.dropFirst())
        // It takes as long as everything else. Now that the connections have gone, nothing may be held any more.
        if seed & 7 == 0 { for server in [whole, pieces] { try Self.expectNothingHeld(server) } }
    }

    /// As small a server as serves everything that an input asks for.
    static func server(_ settings: ServerSettings) throws -> LogicServer {
        try LogicServer(settings, arenaBytesMax: 2 * memoryBytes)
    }

    static func expectNothingHeld(_ server: LogicServer) throws(FuzzFinding) {
        let broken = server.context.pointee.store._brokenInvariant(expectedReservations: 0, expectedLeases: 0)
        if let broken { throw FuzzFinding(broken) }
    }

    private func serve(
        _ whole: LogicServer, _ pieces: LogicServer, _ seed: UInt8, _ input: ArraySlice<UInt8>
    ) throws(FuzzFinding) {
        let network: UInt64? = kind == .login && seed & 0x40 != 0 ? 0x7f00_0001 : nil
        if network != nil { for server in [whole, pieces] { Self.owe(server, network, left: seed & 7) } }
        let wholes = [whole.connect(from: network), whole.connect(from: network)]
        let others = [1 + Int(seed) % 64, 1 + Int(seed) / 64].map { pieces.connect(commandsMax: $0, from: network) }
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
                for server in [whole, pieces] { server.advance(seconds: seconds) }
                for connection in wholes + others where !connection.isClosed { connection.retryIfWaiting() }
            case .other: current = 1 - current
            }
        }
        for (left, right) in zip(wholes, others) {
            try compare(left.takeReplies(), right.takeReplies())
            try FuzzFinding.expect(left.isClosed == right.isClosed, "only one of the two connections was closed")
        }
    }

    /// Lets an address have tried so many passwords that it may try `left` more in this second.
    private static func owe(_ server: LogicServer, _ network: UInt64?, left: UInt8) {
        let now = server.context.pointee.clock.second
        for _ in 0..<Limits.loginDebtSecondsMax - UInt32(left) {
            _ = server.context.pointee.loginPace.begin(network, at: now)
        }
    }

    private func compare(_ left: [UInt8], _ right: [UInt8]) throws(FuzzFinding) {
        if left == right { return }
        guard let left = comparable(left), let right = comparable(right), left != right else { return }
        let place = zip(left, right).prefix { $0.0 == $0.1 }.count
        func around(_ bytes: [UInt8]) -> String {
            String(decoding: bytes.dropFirst(max(place - 40, 0)).prefix(120), as: UTF8.self).debugDescription
        }
        throw FuzzFinding("whole and in pieces differ at byte \(place): \(around(left)), \(around(right))")
    }

    /// Without statistics. Nil where nothing can be compared: a dump begins only where no other command came with it,
    /// as in memcached, and that depends on the cuts.
    private func comparable(_ reply: [UInt8]) -> [UInt8]? {
        if kind == .binary || kind == .negotiated && reply.first == 0x81 {
            guard let packets = BinaryPacket.all(reply) else { return reply }
            return packets.filter { $0.opcode != 0x10 }.flatMap(\.bytes)
        }
        let text = ReplyText(reply)
        return text.refusesDump ? nil : text.withoutStatistics
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
        var repeatedBytes = 0
        func end() {
            if !bytes.isEmpty { parts.append(.bytes(bytes)) }
            bytes = []
        }
        while let byte = rest.popFirst() {
            switch byte {
            case 0xff:
                let count = min(repeated * Int(rest.popFirst() ?? 0), repeatedBytesMax - repeatedBytes)
                repeatedBytes += count
                bytes += [UInt8](repeating: 0x78, count: count)
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

    private var settings: ServerSettings {
        var settings = Self.settings
        switch kind {
        case .ascii: settings.protocolName = "ascii"
        case .binary: settings.protocolName = "binary"
        case .negotiated: break
        case .login: settings.authFilePath = Self.credentials.path
        }
        return settings
    }

    /// Of the smallest store that holds chains of parts, with few classes: each has its own cost in every command that
    /// goes through all of them.
    static let settings: ServerSettings = {
        var settings = ServerSettings()
        settings.memoryBytes = memoryBytes
        settings.itemBytesMax = 256 << 10
        settings.growthFactor = 1.5
        settings.workerLogBufferBytes = 4 << 10
        // It is refused where other commands came with it, and so depends on the cuts.
        settings.allowsWatch = false
        return settings
    }()

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
