import FaultSimulation
import Testing

/// What a wrong server would say to clients of the binary protocol, to those who have not logged in, and one thing that
/// it would say in text. Goal: the simulation's judges are proved to find it. Method: replies of a right server are
/// changed on their way.
@Suite("False answers in a simulation")
struct FalseAnswerTests {
    enum Lie: String, CaseIterable, Sendable {
        case opcode, opaque, type, flags, key, value, token
        case counter = "a counter's number", newToken = "a store's token"
        case hit = "a miss in place of an error", refusal = "a refusal in place of a store"
        case silence = "no answer", repetition = "the same answer twice"
        case refusedQuietly = "a quiet add that is refused without a word"
        case line = "a value's key in text"
        case answer = "an answer before a login", welcome = "a wrong password let in"
    }

    @Test("are found, whatever is wrong with them", arguments: Lie.allCases)
    func lies(lie: Lie) throws {
        var reason: String?
        for seed in [2, 6, 8, 4, 12] as [UInt64] where reason == nil { reason = try Self.failure(lie, seed)?.reason }

        #expect(reason != nil)
    }

    private static func failure(_ lie: Lie, _ seed: UInt64) throws -> Simulation.Failure? {
        let settings = SimulationSettings(seed: seed)
        let simulation = try Simulation(settings)
        simulation.falsify = { bytes in
            if bytes.first == 0x81 { change(&bytes, lie) } else { changeLine(&bytes, lie) }
        }
        var failure: Simulation.Failure?
        do {
            _ = try simulation.run(SimulationEvent.script(settings, count: 1500))
        } catch {
            failure = error
        }
        return failure
    }

    @Test("are found again by fewer events")
    func shrinking() throws {
        let settings = SimulationSettings(seed: 2)
        let events = SimulationEvent.script(settings, count: 1500)
        let failure = try #require(try Self.failure(.type, 2))
        var shrinker = SimulationShrinker(settings, attemptsMax: 300) { Self.change(&$0, .type) }

        let (fewer, last) = shrinker.shrink(events, failure)

        #expect(fewer.count < failure.event / 2 && last.reason.contains("a type"), "\(fewer), \(last.reason)")
        #expect(fewer.compactMap { SimulationEvent("\($0)") } == fewer)
    }

    /// Changes the value's line in front, or the first line that is as wanted.
    private static func changeLine(_ bytes: inout [UInt8], _ lie: Lie) {
        func replace(_ line: String, with other: String) {
            if let range = bytes.firstRange(of: line.utf8) { bytes.replaceSubrange(range, with: other.utf8) }
        }
        switch lie {
        case .line: if bytes.starts(with: "VALUE ".utf8) { bytes[6] ^= 1 }
        case .answer: replace("CLIENT_ERROR unauthenticated\r\n", with: "END\r\n")
        case .welcome: replace("CLIENT_ERROR authentication failure\r\n", with: "STORED\r\n")
        default: break
        }
    }

    /// Changes the whole packets in front.
    private static func change(_ bytes: inout [UInt8], _ lie: Lie) {
        var place = 0
        while place + 24 <= bytes.count, bytes[place] == 0x81 {
            let bodyBytes = bytes[place + 8..<place + 12].reduce(0) { $0 << 8 | Int($1) }
            let end = place + 24 + bodyBytes
            if end > bytes.count { return }
            let packet = Array(bytes[place..<end])
            let changed = changed(packet, lie)
            bytes.replaceSubrange(place..<end, with: changed)
            place += changed.count
        }
    }

    private static func changed(_ packet: [UInt8], _ lie: Lie) -> [UInt8] {
        var packet = packet
        let (opcode, isDone) = (packet[1], packet[7] == 0)
        let isHit = isDone && [0x00, 0x09, 0x0C, 0x0D].contains(opcode)
        let tellsKey = packet[3] > 0
        switch lie {
        case .opcode: packet[1] ^= 1
        case .opaque: packet[15] ^= 1
        case .type: packet[5] = 1
        case .flags where isHit: packet[27] ^= 1
        case .key where isHit && tellsKey: packet[28] ^= 1
        case .value where isHit && packet.count > 28 + Int(packet[3]): packet[packet.count - 1] ^= 1
        case .token where isHit: packet[23] ^= 1
        case .counter where isDone && (opcode == 0x05 || opcode == 0x06): packet[31] ^= 1
        case .newToken where isDone && opcode == 0x01: packet[16] = 0xFF
        case .hit where packet[7] == 1: packet[7] = 0
        case .refusal where isDone && opcode == 0x01: packet[7] = 5
        case .silence where isHit && opcode == 0x00: return []
        case .repetition where isHit: return packet + packet
        case .refusedQuietly where opcode == 0x12: return []
        default: break
        }
        return packet
    }
}
