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
}
