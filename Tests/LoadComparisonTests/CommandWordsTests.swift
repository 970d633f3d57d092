import LoadComparison
import Testing

@Suite("Command lines and cores")
struct CommandWordsTests {
    @Test(
        "Words are what a shell would make of them",
        arguments: [
            ("a b  c", ["a", "b", "c"]), ("", []), ("  ", []), ("'a b' c", ["a b", "c"]),
            (#""a 'b'" c\ d"#, ["a 'b'", "c d"]), (#"'a\b' "\"" ''"#, [#"a\b"#, "\"", ""]), ("a'b'c", ["abc"]),
        ])
    func words(text: String, words: [String]) throws {
        let parsed = try CommandWords(parsing: text)

        #expect(parsed.words == words)
        #expect(try CommandWords(parsing: parsed.text) == parsed)
    }

    @Test("A quote that does not end is refused", arguments: ["'a", "\"a b", "a\\"])
    func unfinished(text: String) {
        let error = #expect(throws: ComparisonError.self) { try CommandWords(parsing: text) }

        #expect(error?.description == "'\(text)' ends in the middle of a quoted word")
    }

    @Test("Places are filled wherever they stand, and stay where nothing is known")
    func places() {
        let words = CommandWords(["-p", "{port}", "--x={port},{other}"])

        #expect(words.filled(["port": "1"]).words == ["-p", "1", "--x=1,{other}"])
        #expect(words.contains("other") && !words.contains("socket"))
    }

    @Test("A server's options go to their place, or to the end")
    func options() throws {
        let behind = try ServerTemplate(name: nil, command: "/usr/bin/memcached -p {port}")
        let inside = try ServerTemplate(name: "x", command: "run {options} -s {socket}")

        #expect(behind.name == "memcached")
        #expect(inside.name == "x")
        #expect(behind.command.contains("port"))
    }

    @Test("A server that would listen nowhere is refused")
    func nowhere() {
        #expect(throws: ComparisonError.self) { try ServerTemplate(name: nil, command: "memcached -p 11211") }
        #expect(throws: ComparisonError.self) { try ServerTemplate(name: nil, command: " ") }
    }

    @Test(
        "Cores are read and written as ranges",
        arguments: [("0", [0], "0"), ("0-3,6", [0, 1, 2, 3, 6], "0-3,6"), ("3,1,2,2", [1, 2, 3], "1-3")])
    func cores(text: String, cores: [Int], again: String) throws {
        let set = try CoreSet(parsing: text)

        #expect(set.cores == cores)
        #expect(set.description == again)
    }

    @Test("What are no cores is refused", arguments: ["", "a", "3-1", "-1", "1-2-3", "0,", "4000"])
    func noCores(text: String) {
        #expect(throws: ComparisonError.self) { try CoreSet(parsing: text) }
    }

    @Test("Servers and driver share no core where there are two")
    func divided() {
        #expect(CoreSet([0, 1]).divided() == (CoreSet([0]), CoreSet([1])))
        #expect(CoreSet([2, 3, 5]).divided() == (CoreSet([2]), CoreSet([3, 5])))
        #expect(CoreSet([7]).divided() == (CoreSet([7]), CoreSet([7])))
    }

    @Test("Keeping to cores ends with the work")
    func keeping() {
        let before = CoreSet.allowed

        let inside = CoreSet([before.cores[0]]).keeping { CoreSet.allowed }

        #expect(inside.cores == [before.cores[0]])
        #expect(CoreSet.allowed == before)
    }
}
