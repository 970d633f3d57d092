import MartletServer
import Testing

@Suite("The log, of which nobody reads a line")
struct LogOutputTests {
    @Test("is left out rather than waited for, and counted in front of the next line that finds room")
    func counted() throws {
        let pipe = try UnreadPipe()
        let output = LogOutput(descriptor: pipe.writing)

        for _ in 0..<3 { output.write("lost") }
        output.tellLeftOut(4)
        pipe.empty()
        output.write("kept")
        output.write("next")

        #expect(pipe.read(until: "next\n") == "log: 7 lines left out\nkept\nnext\n")
    }

    @Test("is told of without another line, once")
    func told() throws {
        let pipe = try UnreadPipe()
        let output = LogOutput(descriptor: pipe.writing)

        output.write("lost")
        pipe.empty()
        for _ in 0..<2 { output.tellLeftOut() }
        output.write("next")

        #expect(pipe.read(until: "next\n") == "log: 1 lines left out\nnext\n")
    }

    @Test("has no line that a pipe with room could not take at once")
    func length() throws {
        let pipe = try UnreadPipe()
        let output = LogOutput(descriptor: pipe.writing)

        pipe.empty()
        output.write(String(repeating: "é", count: 5000))
        let line = pipe.read(until: "\n")

        #expect(line.hasPrefix("éééé") && line.hasSuffix("...\n"))
        #expect((4000...Limits.logLineBytesMax).contains(line.utf8.count))
    }
}
