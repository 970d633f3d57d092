import Glibc
import MartletRing
import Testing

/// `martletctl ring` as operators run it: built, started in a shell, read from a pipe.
@Suite("martletctl ring")
struct RingCommandTests {
    @Test("map prints each key's server, and keys are raw bytes")
    func map() throws {
        let keys = "user:0\nuser:1\n\\377\\200\nlast"

        let output = try run("printf '\(keys)'", "map --servers 10.0.1.1,10.0.1.2:11212,10.0.1.3:11211:3")

        let ring = HashRing(servers: [
            RingServer(host: "10.0.1.1"), RingServer(host: "10.0.1.2", port: 11212),
            RingServer(host: "10.0.1.3", weight: 3),
        ])
        let expected = [Array("user:0".utf8), Array("user:1".utf8), [0xFF, 0x80], Array("last".utf8)].map {
            ring.servers[ring.server(for: $0.span)].description
        }
        #expect(output == expected.joined(separator: "\n") + "\n")
    }

    @Test("map gives libmemcached's server for each of 10,000 keys")
    func recorded() throws {
        let pool = try #require(Vectors.pools["p5_weighted"])
        let servers = pool.map { "\($0.name):\($0.weight)" }.joined(separator: ",")
        let path = "\(Vectors.folder)/keys.txt.gz"

        let output = try run("gzip -dc '\(path)'", "map --servers \(servers) --distribution ketama --hash fnv1a_64")

        let map = try #require(Vectors.maps["libmemcached/p5_weighted/ketama_weighted/fnv1a_64"])
        #expect(output.split(separator: "\n").map(String.init) == map.map { pool[Int($0)].name })
    }

    @Test("show prints points and the fingerprint of the ring")
    func show() throws {
        let output = try run(":", "show --servers 10.0.1.1,10.0.1.2 --sample 1000")

        let ring = HashRing(servers: [RingServer(host: "10.0.1.1"), RingServer(host: "10.0.1.2")])
        #expect(output.contains("fingerprint   \(ring.fingerprint)\n"))
        #expect(output.contains("points        320\n"))
    }

    @Test("diff counts the keys that another list would move")
    func diff() throws {
        let output = try run("printf 'a\\nb\\nc\\n'", "diff --servers a:1 --to b:1 --keys --distribution modulo")

        #expect(output.contains("keys counted  3\n"))
        #expect(output.contains("moved         100.00%\n"))
    }

    @Test("What is no server is refused", arguments: ["a,a", "a:0:0", ",", "a,,b"])
    func refusal(servers: String) {
        #expect(throws: Failure.self) { try run(":", "map --servers '\(servers)' 2>&1") }
    }

    @Test(
        "The refusal says why, and -s is --servers here as everywhere",
        arguments: [
            ("a,a", "a:11211 is named twice"), ("a,b:99999", "'b:99999' is not host"), ("a:1:0", "'a:1:0' is not host"),
        ])
    func reason(servers: String, sentence: String) throws {
        let refused = #expect(throws: Failure.self) { try run(":", "show -s '\(servers)' 2>&1") }

        #expect(refused?.output.contains(sentence) == true, "\(refused?.output ?? "")")
        #expect(try run(":", "show -s a,b --sample 10").contains("fingerprint"))
    }

    struct Failure: Error { let output: String }

    /// What the command prints, fed by `input`.
    private func run(_ input: String, _ words: String) throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let own = String(decoding: buffer[..<max(count, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let folder = own[..<(own.lastIndex(of: "/") ?? own.startIndex)]
        guard let pipe = popen("\(input) | '\(folder)/martletctl' ring \(words)", "r") else {
            throw Failure(output: "popen")
        }
        let output = String(decoding: Vectors.everything(in: pipe), as: UTF8.self)
        guard pclose(pipe) == 0 else { throw Failure(output: output) }
        return output
    }
}
