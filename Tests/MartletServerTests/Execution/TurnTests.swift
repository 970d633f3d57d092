import ExecutionTesting
import MartletServer
import Testing

/// Goal: a connection never does more in one turn than it may, and goes on exactly where it stopped.
@Suite("A connection's turn")
struct TurnTests {
    @Test("ends after its commands, with the rest for later")
    func commandsMax() throws {
        let connection = try LogicServer().connect(commandsMax: 2)

        #expect(connection.ask("mn\r\nmn\r\nmn\r\nmn\r\nmn\r\n") == "MN\r\nMN\r\nMN\r\nMN\r\nMN\r\n")

        #expect(connection.dispositions == [.yield, .yield, .wantsInput])
    }

    @Test("does not end early when nothing is left to do")
    func exactlyEnough() throws {
        let connection = try LogicServer().connect(commandsMax: 2)

        #expect(connection.ask("mn\r\nmn\r\n") == "MN\r\nMN\r\n")

        #expect(connection.dispositions == [.wantsInput])
    }

    @Test("of one command is a turn")
    func single() throws {
        let connection = try LogicServer().connect(commandsMax: 1)

        let replies = connection.ask("set a 0 0 1\r\n1\r\nincr a 1\r\nget a\r\nincr a")

        #expect(replies == "STORED\r\n2\r\nVALUE a 0 1\r\n2\r\nEND\r\n")
        #expect(connection.dispositions.last == .wantsInput)
        #expect(connection.ask(" 1\r\n") == "3\r\n")
    }

    @Test("ends when the replies fill the output, between two values of a list as well")
    func outputFull() throws {
        let connection = try LogicServer().connect()
        let value = String(repeating: "v", count: 100_000)
        #expect(connection.ask("set a 0 0 100000\r\n\(value)\r\n") == "STORED\r\n")

        let list = connection.ask("get a a a a a a a a a a\r\n")
        let commands = connection.ask(String(repeating: "mg a v\r\n", count: 10))

        #expect(list == String(repeating: "VALUE a 0 100000\r\n\(value)\r\n", count: 10) + "END\r\n")
        #expect(commands == String(repeating: "VA 100000\r\n\(value)\r\n", count: 10))
        #expect(connection.dispositions.filter { $0 == .outputFull }.count >= 6)
        #expect(connection.longestOutput <= Limits.outputBytesFull + 101_000)
    }

    @Test("ends after some thousand keys that are not there")
    func manyMisses() throws {
        let connection = try LogicServer().connect()

        let replies = connection.ask("get" + String(repeating: " k", count: 15_000) + "\r\n")

        #expect(replies == "END\r\n")
        #expect(connection.dispositions.filter { $0 == .yield }.count == 15_000 / Limits.keysPerTurnMax)
    }

    @Test("leaves an incomplete command where it is")
    func incomplete() throws {
        let connection = try LogicServer().connect()

        #expect(connection.ask("mn\r\nget a") == "MN\r\n")
        #expect(connection.input == Array("get a".utf8))
        #expect(!connection.isReadingValue)

        #expect(connection.ask("bc\r\nset a 0 0 5\r\nab") == "END\r\n")
        #expect(connection.input == Array("set a 0 0 5\r\nab".utf8))
        #expect(connection.isReadingValue)
    }
}
