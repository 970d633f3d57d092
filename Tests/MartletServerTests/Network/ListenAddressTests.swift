import MartletServer
import Testing

@Suite("An address to listen at")
struct ListenAddressTests {
    @Test(
        "may name a port, and brackets keep a v6 address together",
        arguments: [
            ("127.0.0.1", "127.0.0.1", nil), ("127.0.0.1:11212", "127.0.0.1", 11212), ("[::1]", "::1", nil),
            ("[::1]:11212", "::1", 11212), ("::1", "::1", nil), ("fe80::1:2", "fe80::1:2", nil), ("*", nil, nil),
            ("*:80", nil, 80), ("localhost:1", "localhost", 1), ("tag[one]:localhost", "localhost", nil),
            ("*:0", nil, 0), ("[::1]:-1", "::1", 0), ("127.0.0.1:-1", "127.0.0.1", 0),
            ("tag_one_:localhost:7", "localhost", 7), ("tagged", "tagged", nil),
        ] as [(String, String?, UInt16?)])
    func parses(text: String, host: String?, port: UInt16?) throws {
        #expect(try ListenAddress(parsing: text) == ListenAddress(host: host, port: port))
    }

    @Test(
        "may say how its connections are encrypted",
        arguments: [
            ("notls:localhost", .plain), ("btls:localhost:5", .basic), ("mtls:tag[a]:proto[ascii]:[::1]", .mutual),
            ("localhost", nil),
        ] as [(String, ListenerSecurity?)])
    func security(text: String, security: ListenerSecurity?) throws {
        #expect(try ListenAddress(parsing: text).security == security)
    }

    @Test(
        "may have a protocol of its own",
        arguments: [
            ("proto[ascii]:localhost", .text), ("proto[binary]:localhost:5", .binary), ("localhost", nil),
            ("proto[negotiating]:[::1]:5", .undecided), ("tag[one]:proto[ascii]:[::1]:5", .text),
            ("mtls:proto[binary]:tag_a_:localhost", .binary),
        ] as [(String, Dialect?)])
    func dialect(text: String, dialect: Dialect?) throws {
        #expect(try ListenAddress(parsing: text).dialect == dialect)
    }

    @Test(
        "is refused when it makes no sense",
        arguments: [
            "", ":11211", "host:", "host:65536", "host:port", "host:-2", "[::1", "[::1]x", "[::1]:", "[]",
            "notls:", "proto[proxy]:localhost", "proto[", "proto[ascii]", "tag[", "tag[a]:", "tag[]:localhost",
            "tag[ninechars]:localhost",
        ])
    func refuses(text: String) {
        #expect(throws: StartError.self) { try ListenAddress(parsing: text) }
    }
}
