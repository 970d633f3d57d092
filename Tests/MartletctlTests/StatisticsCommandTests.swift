import Foundation
import ServerTesting
import Testing

@Suite("martletctl: statistics")
struct StatisticsCommandTests {
    @Test("stats of several servers stand side by side")
    func sideBySide() throws {
        let one = try TestServer()
        let two = try TestServer { $0.threadCount = 3 }

        let program = try Program("stats", "-s", "\(one.address),\(two.address)", "--only", "threads")

        let lines = program.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines == [["name", "\(one.address)", "\(two.address)"], ["threads", "2", "3"]])
    }

    @Test("stats is JSON for scripts, numbers as numbers")
    func json() throws {
        let server = try TestServer()

        let program = try Program("stats", "-s", server.address, "--json")

        let parsed = try JSONSerialization.jsonObject(with: Data(program.output.utf8)) as? [String: Any]
        let stats = try #require(parsed?["stats"] as? [String: Any])
        #expect(stats["threads"] as? Int == 2)
        #expect(stats["version"] as? String == "1.6.45-martlet")
    }

    @Test("an address whose port has a sign is none", arguments: ["localhost:+5", "[::1]:+5", "localhost:-5"])
    func signedPort(address: String) throws {
        let program = try Program("stats", "-s", address)

        #expect(program.status == 64)
        #expect(program.errors.contains("'\(address)' is invalid"), "\(program.errors)")
    }

    @Test("a group that the server does not know is an error")
    func unknownGroup() throws {
        let server = try TestServer()

        let program = try Program("stats", "-s", server.address, "nonsense")

        #expect(program.status != 0)
        #expect(program.errors.contains("stats: ERROR"))
    }

    @Test("top shows each server, one that is down included")
    func top() throws {
        let up = try TestServer()
        let down = try TestServer()
        down.stop()

        let program = try Program("top", "-s", "\(up.address),\(down.address)", "-n", "1", "--interval", "0.1")

        #expect(program.status == 0)
        let lines = program.output.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines[2].contains("down: "))
        #expect(lines[3].hasPrefix("all 2"))
    }

    @Test("watch tells events as JSON")
    func watch() throws {
        let server = try TestServer()
        let client = try server.client()

        let program = try Program(["watch", "-s", server.address, "--json", "-n", "1"]) { () throws -> Void in
            #expect(eventually { server.context.pointee.observation.pointee.watcherCount == 1 })
            let isAnswered = try client.exchange("get a\r\n", "END\r\n")
            #expect(isAnswered)
        }

        let parsed = try JSONSerialization.jsonObject(with: Data(program.output.utf8)) as? [String: Any]
        #expect(parsed?["type"] as? String == "item_get")
        #expect(parsed?["key"] as? String == "a")
    }

    @Test("there are completions for three shells", arguments: ["bash", "zsh", "fish"])
    func completion(shell: String) throws {
        let program = try Program("--generate-completion-script", shell)

        #expect(program.status == 0)
        #expect(program.output.contains("dump") && program.output.contains("watch"))
    }
}
