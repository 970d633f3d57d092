import MartletProtocol
import Testing

@Suite("Request parser: what is understood")
struct RequestParserTests {
    @Test("A get names its key, and what stands behind the line is left alone")
    func singleGet() {
        let line = ParsedLine("get alpha\r\nget beta\r\n")

        #expect(line.outcome == .request)
        #expect(line.request.command == .get)
        #expect(line.keys == ["alpha"])
        #expect(line.request.lineBytes == 11)
    }

    @Test(
        "Keys are separated by spaces alone, of any number",
        arguments: [
            ("get a", ["a"]),
            ("get a", ["a"]),
            ("get  a   b  ", ["a", "b"]),
            ("gets a b c", ["a", "b", "c"]),
            ("gat 0 a b", ["a", "b"]),
            ("gats  -1  a  ", ["a"]),
            ("get a\tb c\u{0}d", ["a\tb", "c\u{0}d"]),
            ("get a\rb", ["a\rb"]),
            ("get a\r", ["a\r"]),
            ("get a noreply", ["a", "noreply"]),
            ("get / HTTP/1.1", ["/", "HTTP/1.1"]),
        ])
    func keys(line: String, keys: [String]) {
        let parsed = ParsedLine(line + "\r\n")

        #expect(parsed.outcome == .request)
        #expect(parsed.keys == keys)
        #expect(Int(parsed.request.lineBytes) == line.utf8.count + 2)
        #expect(!parsed.request.isQuiet)
    }

    @Test("Keys of every length up to the limit are found in multigets of every alignment")
    func keyLengths() {
        for length in [1, 2, 7, 8, 9, 15, 16, 17, 249, 250] {
            for count in 1...9 {
                let keys = (0..<count).map { String(repeating: Character("\($0)"), count: length) }
                let parsed = ParsedLine("gets " + keys.joined(separator: " ") + "\r\n")

                #expect(parsed.outcome == .request)
                #expect(parsed.keys == keys)
            }
        }
    }

    @Test("A multiget may be longer than any other line, and is read on from where it was left")
    func longMultiget() {
        let keys = (0..<5000).map { "key-\($0)" }
        let text = "get " + keys.joined(separator: " ") + "\r\n"

        let parsed = ParsedLine(text)
        let resumed = ParsedLine(text, scannedCount: text.utf8.count - 1)

        #expect(parsed.keys == keys)
        #expect(resumed.keys == keys)
    }

    @Test("A storage command carries its numbers and leaves the data block behind the line")
    func storage() {
        let line = ParsedLine("set key 4294967295 -2147483648 10 \r\n0123456789\r\n")

        #expect(line.outcome == .request)
        #expect(line.request.command == .set)
        #expect(line.key == "key")
        #expect(line.request.clientFlags == .max)
        #expect(line.request.exptime == .min)
        #expect(line.request.valueLength == 10)
        #expect(line.request.lineBytes == 36)
        #expect(!line.request.isQuiet)
    }

    @Test(
        "Every storage command is known, with and without noreply, and extra words do not matter",
        arguments: [
            ("set", Command.set), ("add", .add), ("replace", .replace), ("append", .append), ("prepend", .prepend),
        ])
    func storageCommands(word: String, command: Command) {
        #expect(ParsedLine("\(word) k 1 2 3\r\n").request.command == command)
        #expect(ParsedLine("\(word) k 1 2 3 noreply\r\n").request.isQuiet)
        #expect(ParsedLine("\(word) k 1 2 3 extra noreply  \r\n").request.isQuiet)
        #expect(!ParsedLine("\(word) k 1 2 3 noreply extra\r\n").request.isQuiet)
        #expect(command.carriesValue)
    }

    @Test("cas carries its token")
    func cas() {
        let line = ParsedLine("cas k 1 2 3 18446744073709551615 noreply\r\n")

        #expect(line.outcome == .request)
        #expect(line.request.command == .cas)
        #expect(line.request.compareToken == .max)
        #expect(line.request.isQuiet)
    }

    @Test("The longest value a line may announce is 2^31 - 3 bytes")
    func longestValue() {
        let line = ParsedLine("set k 0 0 2147483645\r\n")

        #expect(line.outcome == .request)
        #expect(line.request.valueLength == 2_147_483_645)
    }

    @Test(
        "Numbers of touch, incr and decr",
        arguments: [
            ("touch k 100", Command.touch, Int32(100), UInt64(0), false),
            ("touch k -1 noreply", .touch, -1, 0, true),
            ("incr k 18446744073709551615", .incr, 0, .max, false),
            ("decr k 0000000000000000000001 noreply", .decr, 0, 1, true),
        ])
    func keyAndNumber(line: String, command: Command, exptime: Int32, number: UInt64, isQuiet: Bool) {
        let parsed = ParsedLine(line + "\r\n")

        #expect(parsed.outcome == .request)
        #expect(parsed.request.command == command)
        #expect(parsed.key == "k")
        #expect(parsed.request.exptime == exptime)
        #expect(parsed.request.number == number)
        #expect(parsed.request.isQuiet == isQuiet)
    }

    @Test(
        "delete takes a key, then 0, noreply or both",
        arguments: [
            ("delete k", false), ("delete k 0", false), ("delete k noreply", true),
            ("delete k 0 noreply", true), ("delete noreply", false),
        ])
    func delete(line: String, isQuiet: Bool) {
        let parsed = ParsedLine(line + "\r\n")

        #expect(parsed.outcome == .request)
        #expect(parsed.request.command == .delete)
        #expect(parsed.request.isQuiet == isQuiet)
    }

    @Test(
        "Commands without a key",
        arguments: [
            ("version x noreply", Command.version, false), ("quit x", .quit, false),
            ("mn", .metaNoop, false), ("mn some words", .metaNoop, false),
            ("flush_all", .flushAll, false), ("flush_all noreply", .flushAll, true),
            ("verbosity 1 a b", .verbosity, false), ("verbosity 1 noreply", .verbosity, true),
            ("cache_memlimit 100 noreply", .cacheMemoryLimit, true),
            ("stats", .stats, false), ("shutdown", .shutdown, false),
        ])
    func serverCommands(line: String, command: Command, isQuiet: Bool) {
        let parsed = ParsedLine(line + "\r\n")

        #expect(parsed.outcome == .request)
        #expect(parsed.request.command == command)
        #expect(parsed.request.isQuiet == isQuiet)
    }

    @Test("flush_all with a delay, with and without noreply")
    func flushDelay() {
        let plain = ParsedLine("flush_all -10\r\n")
        let quiet = ParsedLine("flush_all 0 noreply\r\n")
        let none = ParsedLine("flush_all noreply\r\n")

        #expect(plain.request.hasDelay && plain.request.exptime == -10 && !plain.request.isQuiet)
        #expect(quiet.request.hasDelay && quiet.request.exptime == 0 && quiet.request.isQuiet)
        #expect(!none.request.hasDelay)
    }

    @Test("shutdown knows its mode, and leaves a wrong one to be answered after the permission")
    func shutdown() {
        #expect(ParsedLine("shutdown\r\n").request.shutdownMode == .immediate)
        #expect(ParsedLine("shutdown graceful\r\n").request.shutdownMode == .graceful)
        #expect(ParsedLine("shutdown graceful now\r\n").request.shutdownMode == .invalid)
        #expect(ParsedLine("shutdown grace\r\n").request.shutdownMode == .invalid)
    }

    @Test("stats hands its words on, administration its own word too")
    func words() {
        let stats = ParsedLine("stats  cachedump 1 0 \r\n")
        let crawler = ParsedLine("lru_crawler metadump all\r\n")

        #expect(stats.text(stats.request.arguments) == "cachedump 1 0")
        #expect(crawler.request.command == .administration)
        #expect(crawler.text(crawler.request.arguments) == "lru_crawler metadump all")
        #expect(ParsedLine("stats\r\n").request.arguments.isEmpty)
    }

    @Test(
        "The administrative words are recognised",
        arguments: [
            "lru", "lru_crawler", "slabs", "watch", "refresh_certs", "debugtime", "debugitem", "config", "extstore",
        ])
    func administration(word: String) {
        #expect(ParsedLine("\(word) a b\r\n").request.command == .administration)
        #expect(ParsedLine("\(word)x a b\r\n").refusal == "ERROR")
        #expect(ParsedLine("\(word.uppercased()) a b\r\n").refusal == "ERROR")
    }
}
