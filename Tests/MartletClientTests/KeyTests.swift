import Foundation
import MartletClient
import MartletProtocol
import MartletRing
import NIOCore
import Testing

extension ClientTests {
    @Suite("Keys and values")
    struct KeyTests {
        static let keys: [CacheKey] = [
            "plain", "with space", "line\r\nend", "", "käse", CacheKey(bytes: [0, 1, 2, 255]),
            CacheKey(String(repeating: "x", count: 250)), CacheKey(String(repeating: "x", count: 251)),
            CacheKey(String(repeating: "x ", count: 93)), CacheKey(String(repeating: "x ", count: 93) + "x"),
            CacheKey(String(repeating: "y ", count: 94)),
            CacheKey(String(repeating: "z ", count: 100_000)), "sha256:", "sha256:0",
        ]

        @Test("Any key at all names an item of its own", arguments: [true, false])
        func anyKey(meta: Bool) async throws {
            try await CacheFixture.run({ $0.usesMetaProtocol = meta }) { fixture in
                for (index, key) in Self.keys.enumerated() { try await fixture.cache.setValue(index, for: key) }

                for (index, key) in Self.keys.enumerated() {
                    #expect(try await fixture.cache.value(for: key) == index)
                }
                let all = await fixture.cache.values(for: Self.keys, as: Int.self)
                #expect(all.hits == Dictionary(uniqueKeysWithValues: zip(Self.keys, Self.keys.indices)))
            }
        }

        @Test("Around the lengths where base64 and plain keys end, every key names its item", arguments: [true, false])
        func lengths(meta: Bool) async throws {
            try await CacheFixture.run({ $0.usesMetaProtocol = meta }) { fixture in
                for count in 180...252 {
                    // A blank, a control byte, and neither: on the line as base64, or as they are, or as a digest.
                    for last in [0x20, 0x01, 0x78] as [UInt8] {
                        let bytes = Array(repeating: 0x6B as UInt8, count: count - 1) + [last]
                        let key = CacheKey(bytes: bytes)
                        // What a server that refused the line would take for commands.
                        let value = "set stray 0 0 \(count)\r\n"
                        try await fixture.cache.setValue(value, for: key)
                        #expect(try await fixture.cache.value(for: key) == value)
                        #expect(await fixture.cache.values(for: [key], as: String.self).hits == [key: value])
                    }
                }
                #expect(try fixture.stored(under: "stray") == nil)
            }
        }

        @Test("A key with a blank is the item of its bytes as long as its base64 fits into 250 bytes")
        func longestBase64() async throws {
            try await CacheFixture.run { fixture in
                for (count, isBase64) in [(185, true), (186, true), (187, false), (188, false)] {
                    let bytes = Array(repeating: 0x6B as UInt8, count: count - 1) + [0x20]
                    try await fixture.cache.setValue("v", for: CacheKey(bytes: bytes))

                    let client = try fixture.servers[0].client()
                    let text = Data(bytes).base64EncodedString()
                    let digest = "sha256:\(SHA256.hexadecimal(SHA256.digest(bytes)))"
                    #expect(
                        try client.exchange(
                            isBase64 ? "mg \(text) b v\r\n" : "mg \(digest) v\r\n", "VA 1\r\nv\r\n"))
                }
            }
        }

        @Test("A key that looks like a digest is not the item of the key with that digest")
        func digests() async throws {
            try await CacheFixture.run { fixture in
                let long = CacheKey(String(repeating: "a", count: 1000))
                // SHA-256 of a thousand "a".
                let digest = "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"

                try await fixture.cache.setValue("long", for: long)

                #expect(try await fixture.cache.value(for: CacheKey("sha256:\(digest)"), as: String.self) == nil)
                // On the wire it is there, as other clients may see it.
                let client = try fixture.servers[0].client()
                #expect(
                    try client.exchange("get sha256:\(digest)\r\n", "VALUE sha256:\(digest) 0 4\r\nlong\r\nEND\r\n"))
            }
        }

        @Test("A routing key decides the server, and no more")
        func routing() async throws {
            try await CacheFixture.run(servers: 5) { fixture in
                let ring = fixture.cache.ring
                for number in 0..<50 {
                    let key = CacheKey("name:\(number)", routingKey: "user:7")
                    try await fixture.cache.setValue(number, for: key)
                    #expect(try await fixture.cache.value(for: key) == number)
                }
                let home = ring.server(for: "user:7")
                for (index, server) in fixture.servers.enumerated() {
                    let client = try server.client()
                    #expect(
                        try client.exchange(
                            "get name:1\r\n", index == home ? "VALUE name:1 0 1\r\n1\r\nEND\r\n" : "END\r\n"))
                }
            }
        }

        struct User: CodedCacheValue, Equatable {
            var id: Int
            var name: String
        }

        @Test("Values of all kinds come back as they were")
        func values() async throws {
            try await CacheFixture.run { (fixture) async throws in
                func isKept<Value: CacheValue & Sendable & Equatable>(_ value: Value) async throws -> Bool {
                    try await fixture.cache.setValue(value, for: "k")
                    return try await fixture.cache.value(for: "k", as: Value.self) == value
                }
                #expect(try await isKept("text"))
                #expect(try await isKept(""))
                #expect(try await isKept(-5))
                #expect(try await isKept(UInt64.max))
                for truth in [true, false] { #expect(try await isKept(truth)) }
                for number in [1.5, -0.1, 1e300, .leastNonzeroMagnitude, .infinity] {
                    #expect(try await isKept(number))
                }
                #expect(try await isKept([UInt8]([0, 13, 10, 255])))
                #expect(try await isKept(["a", "b"]))
                #expect(try await isKept(["a": 1.5]))
                #expect(try await isKept(User(id: 1, name: "Ada")))
                #expect(try await isKept([User(id: 1, name: "Ada")]))
                #expect(try await isKept(ByteBuffer(string: "buffer")))
                #expect(try await isKept(String(repeating: "large", count: 150_000)))
            }
        }

        @Test("Truths and numbers are kept as other clients read and write them")
        func plainWords() async throws {
            try await CacheFixture.run { fixture in
                try await fixture.cache.setValue(true, for: "k")
                #expect(try fixture.stored(under: "k")?.value == ByteBuffer(string: "true"))
                try await fixture.cache.setValue(0.1, for: "k")
                #expect(try fixture.stored(under: "k")?.value == ByteBuffer(string: "0.1"))
                try fixture.store(ByteBuffer(string: "2"), under: "k")
                #expect(try await fixture.cache.value(for: "k", as: Double.self) == 2)
                await #expect(throws: CacheError.self) { try await fixture.cache.value(for: "k", as: Bool.self) }
            }
        }

        @Test("Bytes that are no such value are an error, not a miss")
        func undecodable() async throws {
            try await CacheFixture.run { fixture in
                try await fixture.cache.setValue([UInt8]([0xFF, 0xFE]), for: "k")

                for type in [String.self, Int.self, Bool.self, Double.self, User.self]
                    as [any (CacheValue & Sendable).Type]
                {
                    let error = await #expect(throws: CacheError.self) { try await read(type) }
                    #expect(error?.code == .undecodable)
                }
                func read<Value: CacheValue & Sendable>(_ type: Value.Type) async throws {
                    _ = try await fixture.cache.value(for: "k", as: type)
                }
            }
        }
    }
}
