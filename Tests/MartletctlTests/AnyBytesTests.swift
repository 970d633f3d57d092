import Foundation
import ServerTesting
import Testing

@Suite("martletctl: keys and values of any bytes")
struct AnyBytesTests {
    /// memcached's answers: the first key was stored as its four bytes and is asked for in base64, the second one was
    /// stored in base64 and is asked for as it is.
    private static func memcached(_ request: [UInt8]) -> [UInt8] {
        let text = String(decoding: request, as: UTF8.self)
        if text.hasPrefix("lru_crawler") {
            return Array(
                ("key=caf%E9 exp=-1 la=1 cas=1 fetch=no cls=1 size=60\r\n"
                    + "key=plain exp=-1 la=1 cas=2 fetch=no cls=1 size=60\r\nEND\r\n").utf8)
        }
        let latin = text.contains("mg Y2Fm6Q== ") ? Array("VA 1 f3 t-1 kcaf".utf8) + [0xE9] : []
        let plain = text.contains("mg plain ") ? Array("VA 2 f0 t100 kcGxhaW4= b\r\nyy\r\n".utf8) : []
        return latin + Array((latin.isEmpty ? "" : "\r\nx\r\n").utf8) + plain + Array("MN\r\n".utf8)
    }

    @Test("a key that is told as it was first stored is the one that was asked for", arguments: ["file", "copy"])
    func firstSpelling(way: String) throws {
        let source = try FakeServer(Self.memcached)
        let target = try TestServer()
        let place = try TemporaryPlace()

        if way == "copy" {
            let copy = try Program("dump", "-s", source.address, "--to", target.address, "--verify")
            #expect(copy.status == 0, "\(copy.errors)")
        } else {
            let dump = try Program("dump", "-s", source.address, place.path("a"))
            #expect(dump.status == 0, "\(dump.errors)")
            #expect(try Program("load", "-s", target.address, place.path("a"), "--verify").status == 0)
        }

        #expect(try target.client().exchange("mg Y2Fm6Q== b v f\r\n", "VA 1 f3\r\nx\r\n"))
        #expect(try target.client().exchange("mg plain v f\r\n", "VA 2 f0\r\nyy\r\n"))
        #expect(try Program("get", "-s", source.address, "plain").output == "yy")
    }

    @Test(
        "another key's value is not taken, however the key is told",
        arguments: ["kother", "kb3RoZXI= b", "k*** b", "k"])
    func otherKey(told: String) throws {
        let source = try FakeServer { _ in Array("VA 1 f0 t-1 \(told)\r\nx\r\nMN\r\n".utf8) }

        let get = try Program("get", "-s", source.address, "plain")

        #expect(get.status == 1)
        #expect(get.output.isEmpty)
        #expect(get.errors.hasPrefix("Error: \(source.address): reading items: "), "\(get.errors)")
    }

    @Test("keys and values that are not UTF-8 are taken from the command line as they are")
    func words() throws {
        let server = try TestServer()
        func run(_ script: String) throws -> Program {
            try Program([server.address], script: #"key=$(printf 'caf\351'); "# + script)
        }
        #expect(try Program("set", "-s", server.address, "cafe", "text").status == 0)

        let set = try run(#""$0" set -s "$1" "$key" "$(printf '\351\377')""#)

        #expect(set.status == 0, "\(set.errors)")
        #expect(try server.client().exchange("mg Y2Fm6Q== b s\r\n", "HD s2\r\n"))
        #expect(try run(#""$0" get -s "$1" "$key""#).outputBytes == [0xE9, 0xFF])
        #expect(try run(#""$0" keys -s "$1" --prefix "$key""#).outputBytes == Array("caf".utf8) + [0xE9, 0x0A])
        #expect(try run(#""$0" keys -s "$1" --like "$key""#).outputBytes == Array("caf".utf8) + [0xE9, 0x0A])
        let all = try run(#""$0" keys -s "$1" | xargs -d '\n' "$0" get --json -s "$1""#)
        #expect(all.status == 0, "\(all.errors)")
        #expect(all.output.contains(#""key_base64":"Y2Fm6Q==","value_base64":"6f8=""#), "\(all.output)")
        #expect(try run(#""$0" touch -s "$1" "$key" --ttl 100"#).status == 0)
        #expect(try run(#""$0" delete -s "$1" "$key""#).status == 0)
        let missing = try run(#""$0" delete -s "$1" "$key""#)
        #expect(missing.status == 1)
        #expect(missing.errors == "caf\\xe9 is not there\n")
    }

    @Test("a key of the scalars that stand for bytes is itself")
    func standIns() throws {
        let server = try TestServer()
        let key = "a\u{10FEE9}é"

        #expect(try Program("set", "-s", server.address, key, key).status == 0)

        #expect(try server.client().exchange("get \(key)\r\n", "VALUE \(key) 0 7\r\n\(key)\r\nEND\r\n"))
    }

    @Test(
        "what is no key and no value has to be UTF-8",
        arguments: [
            #"dump -s "$1" "$bytes""#, #"dump -s "$1" --prefix "$bytes" "$bytes""#, #"load -s "$1" "$bytes""#,
            #"get -s "unix:$bytes" "$bytes""#, #"get -s "$1" --login-file "$bytes" a"#,
            #"stats -s "$1" --only "$bytes""#,
            #"bench "$bytes""#,
        ])
    func otherWords(words: String) throws {
        let server = try TestServer()

        let program = try Program([server.address], script: #"bytes=$(printf 'a\351'); "$0" "# + words)

        #expect(program.status == 64)
        #expect(program.errors.contains("an argument is not UTF-8"), "\(program.errors)")
    }
}
