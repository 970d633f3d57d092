import Foundation
import MartletServer
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
        #expect(program.errors.contains("stats: ERROR (there is no group 'nonsense')\n"), "\(program.errors)")
    }

    @Test("an address that is none is named, with what one is")
    func badAddress() throws {
        let program = try Program("stats", "-s", "localhost,localhost:99999")

        #expect(program.status == 64)
        #expect(program.errors.contains("'localhost:99999' is not host, host:port,"), "\(program.errors)")
        #expect(program.errors.contains("a port from 1 to 65535"))
    }

    @Test("a stream that the server does not know is an error that says where they are named")
    func unknownStream() throws {
        let server = try FakeServer { _ in Array("ERROR\r\n".utf8) }

        let program = try Program("watch", "-s", server.address, "nonsense")

        #expect(program.status != 0)
        #expect(program.errors == "Error: \(server.address): watch: ERROR (--help tells which streams there are)\n")
    }

    @Test("top shows each server, one that is down included")
    func top() throws {
        let up = try TestServer()
        let down = try RefusingPort()

        let program = try Program("top", "-s", "\(up.address),\(down.address)", "-n", "1", "--interval", "0.1")

        #expect(program.status == 0)
        let lines = program.output.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines[2].contains("down: "))
        #expect(lines[3].hasPrefix("all 2"))
    }

    @Test("a server that is down leaves the others their columns")
    func partly() throws {
        let up = try TestServer()
        let down = try RefusingPort()
        let words = ["stats", "-s", "\(up.address),\(down.address)", "--only", "threads"]

        let table = try Program(words)
        let json = try Program(words + ["--json"])

        #expect(table.status == 1)
        let lines = table.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines == [["name", "\(up.address)", "\(down.address)"], ["threads", "2", "-"]])
        #expect(table.errors.hasPrefix("Error: \(down.address): "), "\(table.errors)")
        #expect(json.status == 1)
        #expect(json.output.contains(#"{"server":"\#(up.address)","stats":{"threads":2}}"#), "\(json.output)")
        #expect(json.output.contains(#"{"server":"\#(down.address)","error":""#), "\(json.output)")
    }

    @Test("reset says what it has done")
    func reset() throws {
        let server = try TestServer()

        let program = try Program("stats", "reset", "-s", server.address)

        #expect(program.output == "\(server.address): the counts are zero\n")
    }

    @Test("seconds with a fraction are numbers in JSON, versions are texts")
    func fractions() throws {
        let server = try FakeServer { _ in
            Array("STAT rusage_user 0.001500\r\nSTAT version 1.6.45\r\nSTAT a 007\r\nSTAT b -3\r\nEND\r\n".utf8)
        }

        let program = try Program("stats", "-s", server.address, "--json")

        #expect(program.output.contains(#"{"rusage_user":0.001500,"version":"1.6.45","a":"007","b":-3}"#))
    }

    @Test("top asks a server that has hung up on it over another connection")
    func idle() throws {
        // Says one thing on each connection.
        let fickle = try FakeServer { _ in Array("STAT uptime 5\r\nSTAT curr_items 7\r\nEND\r\n".utf8) }

        let program = try Program("top", "-s", fickle.address, "-n", "3", "--interval", "0.1", "--json")

        let lines = program.output.split(separator: "\n")
        #expect(lines.count == 3 && lines.allSatisfy { $0.contains(#""items":7"#) }, "\(program.output)")
    }

    @Test("silent servers are asked at once, each for its time", arguments: ["top", "stats"])
    func silent(command: String) throws {
        let silent = try FakeServer(dripping: [])
        // Asked one after the other, it would answer the last of eight only.
        let late = try FakeServer(gathering: 8, Array("STAT uptime 5\r\nSTAT curr_items 7\r\nEND\r\n".utf8))
        func ask(_ server: FakeServer, _ timeout: String) throws -> Program {
            let addresses = [String](repeating: server.address, count: 8).joined(separator: ",")
            return try Program(
                [command, "-s", addresses, "--timeout", timeout]
                    + (command == "top" ? ["-n", "1", "--interval", "0.1"] : []))
        }

        let began = ContinuousClock.now
        let unanswered = try ask(silent, "1")
        #expect(ContinuousClock.now - began < .seconds(8), "a second each, all at once")
        let answered = try ask(late, "60")

        #expect((unanswered.output + unanswered.errors).contains("no answer in time (--timeout)"))
        #expect(answered.status == 0, "\(answered.errors)")
        #expect(!(answered.output + answered.errors).contains("no answer in time"), "\(answered.output)")
    }

    @Test("an answer that comes a byte at a time is not waited for")
    func dripping() throws {
        let slow = try FakeServer(dripping: [UInt8(ascii: "S")])

        let program = try Program("stats", "-s", slow.address, "--timeout", "1")

        #expect(program.status == 1)
        #expect(program.errors.hasSuffix("waiting for a reply: no answer in time (--timeout)\n"), "\(program.errors)")
    }

    @Test("statistics without end are not kept")
    func endless() throws {
        let row = "STAT a \(String(repeating: "x", count: 1 << 20 - 100))\r\n"
        let rows = Array(String(repeating: row, count: 66).utf8)
        let server = try FakeServer { _ in rows }

        #expect(try Program("stats", "-s", server.address).errors.contains("stats: they do not end"))
    }

    @Test("what is counted is at least one", arguments: ["top", "watch"])
    func number(command: String) throws {
        #expect(try Program(command, "-n", "0").errors.contains("--number is at least 1"))
    }

    @Test("the version is the server's")
    func version() throws {
        #expect(try Program("--version").output == "martletctl \(ServerVersion.own)\n")
    }

    @Test("watch tells keys as text, decoded, and when it was as a number")
    func events() throws {
        let server = try FakeServer { _ in
            let lines = [
                "OK", "ts=105.86190 gid=7 type=item_get key=00123 status=found clsid=1 cfd=30 size=-1",
                "ts=106.0 gid=8 type=item_store key=a%20%25 status=stored cmd=set ttl=0 clsid=1 cfd=30 size=3",
                "ts=106.5 gid=9 type=eviction key=%ff%0a fetch=no ttl=-1 la=8 clsid=1 size=3",
                "ts=107.123456 gid=10 type=conntlserr fd=9 msg=no shared cipher=1", "skipped=5",
            ]
            return Array((lines.joined(separator: "\r\n") + "\r\n").utf8)
        }

        let program = try Program("watch", "-s", server.address, "--json", "-n", "5")

        let expected = [
            #"{"ts":105.086190,"gid":7,"type":"item_get","key":"00123","status":"found","clsid":1,"cfd":30,"size":-1}"#,
            #"{"ts":106.000000,"gid":8,"type":"item_store","key":"a %","status":"stored","cmd":"set","ttl":0,"#
                + #""clsid":1,"cfd":30,"size":3}"#,
            #"{"ts":106.000005,"gid":9,"type":"eviction","key_base64":"/wo=","fetch":"no","ttl":-1,"la":8,"clsid":1,"#
                + #""size":3}"#,
            #"{"ts":107.123456,"gid":10,"type":"conntlserr","fd":9,"msg":"no shared cipher=1"}"#, #"{"skipped":5}"#,
        ]
        #expect(program.output.split(separator: "\n").map(String.init) == expected)
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
