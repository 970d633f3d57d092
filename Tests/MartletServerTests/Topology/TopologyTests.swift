import Glibc
import MartletServer
import ServerTesting
import Testing

/// Goal: clients learn from any server which servers there are, and of each change.
@Suite("The topology")
struct TopologyTests {
    private static let key = "AmazonElastiCache:cluster"

    /// Version and nodes of the answer to `config get cluster`.
    private static func told(_ client: TestClient) throws -> (version: Int, nodes: String)? {
        try client.send("config get cluster\r\n")
        var text = ""
        while !text.hasSuffix("END\r\n") && text != "ERROR\r\n" {
            let some = try client.receiveSome()
            if some.isEmpty { return nil }
            text += String(decoding: some, as: UTF8.self)
        }
        guard let match = text.wholeMatch(of: #/CONFIG cluster 0 (\d+)\r\n((\d+)\n(.*)\n)\r\nEND\r\n/#),
            let version = Int(match.3), Int(match.1) == match.2.utf8.count
        else { return nil }
        return (version, String(match.4))
    }

    @Test(
        "reads nodes with and without an address",
        arguments: [
            ("a.example|10.0.0.1|11211", "a.example|10.0.0.1|11211"), ("a||1", "a||1"),
            ("a.example:65535", "a.example||65535"),
        ])
    func nodes(_ text: String, _ told: String) {
        #expect(TopologyNode(parsing: text)?.text == told)
    }

    @Test(
        "refuses what is no node",
        arguments: ["", "a", "a|b", "a|b|0", "a|b|65536", "|b|1", "a:", ":1", "a b:1", "a|b|1|"])
    func noNodes(_ text: String) {
        #expect(TopologyNode(parsing: text) == nil)
    }

    @Test("names the word of the option that is no node")
    func badWord() throws {
        var settings = ServerSettings()
        settings.clusterNodes = ["a:1", "foo"]

        let error = #expect(throws: StartError.self) { try Server(settings: settings) }

        #expect(error?.message == "--cluster-nodes: \"foo\" is not host|address|port or host:port")
    }

    @Test("is told to both kinds of clients, and an item of that name goes first")
    func list() throws {
        let server = try TestServer.onUnixSocket { $0.clusterNodes = ["a|10.0.0.1|11211", "b:11212"] }
        let client = try server.client()
        let told = try #require(try Self.told(client))
        #expect(told.nodes == "a|10.0.0.1|11211 b||11212")

        let payload = "\(told.version)\n\(told.nodes)\n"
        let value = "VALUE \(Self.key) 0 \(payload.utf8.count)\r\n\(payload)\r\n"
        #expect(try client.exchange("get \(Self.key)\r\n", value + "END\r\n"))
        #expect(try client.exchange("gets other \(Self.key)\r\n", value + "END\r\n"))
        #expect(try client.exchange("config get nosuch\r\nconfig\r\n", "ERROR\r\nERROR\r\n"))

        #expect(try client.exchange("set \(Self.key) 0 0 1\r\nx\r\n", "STORED\r\n"))
        #expect(try client.exchange("get \(Self.key)\r\n", "VALUE \(Self.key) 0 1\r\nx\r\nEND\r\n"))
    }

    @Test("is unknown where there is none")
    func none() throws {
        let server = try TestServer.onUnixSocket()
        let client = try server.client()

        #expect(try client.exchange("config get cluster\r\nget \(Self.key)\r\n", "ERROR\r\nEND\r\n"))
    }

    @Test("follows its file, and no other line than nodes")
    func file() throws {
        let folder = try TemporaryFolder()
        func write(_ text: String) {
            let file = fopen("\(folder.path)/fresh", "w")
            fputs(text, file)
            fclose(file)
            rename("\(folder.path)/fresh", "\(folder.path)/nodes")
        }
        write("# ours\n\na:1\nb|10.0.0.2|2\n")
        let server = try TestServer.onUnixSocket { $0.clusterFilePath = "\(folder.path)/nodes" }
        let client = try server.client()
        let first = try #require(try Self.told(client))
        #expect(first.nodes == "a||1 b|10.0.0.2|2")

        write("a:1\nnonsense\n")
        write("a:1\n")

        #expect(try eventually { try Self.told(client)?.nodes == "a||1" })
        #expect(try #require(try Self.told(client)).version > first.version)
    }

    @Test("stays as it was while its file is of no use")
    func uselessFile() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/nodes"
        func write(_ text: String) {
            let file = fopen(path, "w")
            fputs(text, file)
            fclose(file)
        }
        write("a:1\n")
        let server = try TestServer.onUnixSocket { $0.clusterFilePath = path }
        let client = try server.client()
        let first = try #require(try Self.told(client))
        #expect(first.nodes == "a||1")

        for text in ["", "# b:1\n\n", "a:1\nnonsense\n"] {
            write(text)
            server.context.reload()
            #expect(try #require(try Self.told(client)) == first)
        }
        unlink(path)
        mkdir(path, 0o700)
        server.context.reload()
        #expect(try #require(try Self.told(client)) == first)
        rmdir(path)
        server.context.reload()
        #expect(try #require(try Self.told(client)) == first)

        write("a:1\nb:2\n")
        server.context.reload()
        let last = try #require(try Self.told(client))
        #expect(last.nodes == "a||1 b||2" && last.version > first.version)
    }

    @Test(
        "counts on where its file was changed at the end of time", .enabled(if: access("/dev/shm", R_OK | W_OK) == 0))
    func farFuture() throws {
        // Where files have such times; elsewhere they are cut.
        let path = "/dev/shm/martlet-nodes-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { unlink(path) }
        func write(_ text: String) {
            let file = fopen(path, "w")
            fputs(text, file)
            fclose(file)
            var times = [timespec](repeating: timespec(tv_sec: Int.max, tv_nsec: 0), count: 2)
            #expect(utimensat(AT_FDCWD, path, &times, 0) == 0)
        }
        write("a:1\n")
        let server = try TestServer.onUnixSocket { $0.clusterFilePath = path }
        let client = try server.client()
        let first = try #require(try Self.told(client))

        write("b:1\n")
        server.context.reload()

        let last = try #require(try Self.told(client))
        #expect(last.nodes == "b||1" && last.version == first.version + 1)
    }

    @Test("ends the start when it makes no sense")
    func mistakes() throws {
        let folder = try TemporaryFolder()
        for change: (inout ServerSettings) -> Void in [
            { $0.clusterNodes = ["nonsense"] }, { $0.clusterFilePath = "\(folder.path)/none" },
            { $0.clusterFilePath = folder.path }, { $0.clusterFilePath = "/dev/null" },
        ] {
            var settings = ServerSettings()
            change(&settings)
            #expect(throws: StartError.self) { try Server(settings: settings) }
        }
    }
}
