import ExecutionTesting
import StoreTesting
import Testing

/// Goal: whatever bytes come, nothing traps, and the answers do not depend on the cuts between packets.
/// Method: seeded streams of commands, good, bad and garbage, each answered once whole and once in random pieces.
@Suite("Random streams")
struct RandomStreamTests {
    @Test("are answered the same in one piece and in many", arguments: 0..<40)
    func pieces(_ index: Int) throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix(seed: seed)
        let stream = Self.stream(&random, commandCount: 200)
        let whole = try LogicServer().connect()
        let pieces = try LogicServer().connect(commandsMax: 1 + random.below(64))

        whole.send(stream)
        pieces.send(stream) { 1 + random.below(random.below(4) == 0 ? 5000 : 40) }

        #expect(whole.isClosed == pieces.isClosed, "seed \(seed)")
        #expect(whole.takeReplies() == pieces.takeReplies(), "seed \(seed)")
    }

    private static func stream(_ random: inout SplitMix, commandCount: Int) -> [UInt8] {
        var stream: [UInt8] = []
        for _ in 0..<commandCount { stream += command(&random) }
        return stream
    }

    private static func command(_ random: inout SplitMix) -> [UInt8] {
        switch random.below(40) {
        case 0: return (0..<random.below(60)).map { _ in UInt8(random.below(256)) }
        case 1: return Array(pick(["\r\n", "\n", "   \r\n", "get\r\n", "bogus x\r\n", "set a 0 0\n"], &random).utf8)
        case 2..<18: return storage(&random)
        case 18..<24: return Array("\(pick(["get", "gets", "gat 10"], &random)) \(keys(&random))\r\n".utf8)
        case 24..<28: return Array("\(pick(["incr", "decr"], &random)) \(key(&random)) \(number(&random))\r\n".utf8)
        case 28..<31: return Array("\(pick(["delete", "touch"], &random)) \(key(&random)) 0\r\n".utf8)
        default: return Array("\(pick(["mg", "md", "ma", "me"], &random)) \(key(&random)) \(flags(&random))\r\n".utf8)
        }
    }

    private static func storage(_ random: inout SplitMix) -> [UInt8] {
        let count = pick([0, 1, 2, 5, 100, 5000, 17_000, 40_000], &random)
        let value = (0..<count).map { _ in UInt8(0x30 + random.below(10)) }
        // Sometimes the data block does not end where it was said to.
        let said = random.below(20) == 0 ? max(count + random.below(5) - 2, 0) : count
        let line =
            random.below(3) == 0
            ? "ms \(key(&random)) \(said) \(flags(&random))\r\n"
            : "\(pick(["set", "add", "replace", "append", "prepend"], &random)) \(key(&random)) \(number(&random)) 0 \(said)\r\n"
        return Array(line.utf8) + value + [13, 10]
    }

    private static func keys(_ random: inout SplitMix) -> String {
        (0...random.below(5)).map { _ in key(&random) }.joined(separator: " ")
    }

    private static func key(_ random: inout SplitMix) -> String {
        random.below(60) == 0
            ? String(repeating: "k", count: 249 + random.below(4)) : pick(["a", "b", "Zm9v"], &random)
    }

    private static func number(_ random: inout SplitMix) -> String {
        pick(["0", "1", "7", "4294967295", "18446744073709551615", "-1", "x"], &random)
    }

    private static func flags(_ random: inout SplitMix) -> String {
        let all = [
            "v", "k", "c", "t", "s", "f", "h", "q", "b", "N30", "R30", "T0", "T-1", "O123", "C5", "E9", "I", "x", "MA",
            "M+",
            "J3", "D2", "F5", "Z",
        ]
        return (0..<random.below(5)).map { _ in pick(all, &random) }.joined(separator: " ")
    }

    private static func pick<Element>(_ choices: [Element], _ random: inout SplitMix) -> Element {
        choices[random.below(choices.count)]
    }
}
