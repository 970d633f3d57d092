import LoadEngine
import Testing

@Suite("Server addresses")
struct ServerAddressTests {
    @Test(
        "are read as users write them",
        arguments: [
            ("cache1", "cache1:11211"), ("cache1:7", "cache1:7"), ("10.0.0.1:11212", "10.0.0.1:11212"),
            ("[::1]:7", "[::1]:7"), ("[::1]", "[::1]:11211"), ("2001:db8::1", "[2001:db8::1]:11211"),
            ("unix:/run/cache.sock", "unix:/run/cache.sock"), ("/run/cache.sock", "unix:/run/cache.sock"),
        ])
    func forms(text: String, expected: String) throws {
        #expect(try ServerAddress(parsing: text).description == expected)
    }

    @Test("without a port have the one that is usual", arguments: ["cache1", "[::1]"])
    func usualPort(text: String) throws {
        #expect(try ServerAddress(parsing: text, port: 9).description.hasSuffix(":9"))
    }

    @Test(
        "that make no sense are named",
        arguments: [
            ":7", "cache1:", "cache1:0", "cache1:65536", "cache1:x", "[::1", "[::1]7", "a b:7", "unix:",
            "/" + String(repeating: "x", count: 107),
        ])
    func nonsense(text: String) {
        let error = #expect(throws: LoadError.self) { try ServerAddress(parsing: text) }

        #expect(error?.cause == .usage)
        #expect(error?.description.contains(text) == true)
        #expect(throws: LoadError.self) { try ServerAddress(parsing: "") }
    }

    @Test("tell whether the server's process can be looked at")
    func locality() throws {
        for text in ["127.0.0.1:1", "localhost:1", "[::1]:1", "/run/x"] {
            #expect(try ServerAddress(parsing: text).isLocal)
        }
        for text in ["10.0.0.1:1", "cache1:1", "[2001:db8::1]:1"] {
            #expect(try !ServerAddress(parsing: text).isLocal)
        }
    }
}
