import MartletClient
import NIOCore
import Testing

extension ClientTests {
    /// Values too large for one item.
    @Suite("Values in parts")
    struct PartsTests {
        private static let splitting: @Sendable (Bool) -> ValueSplitting = {
            ValueSplitting(bytesMax: 10_000, partBytes: 4096, isSpread: $0)
        }

        @Test(
            "They come back whole, on one server or many, whichever way they are asked for", arguments: [true, false])
        func roundTrip(isSpread: Bool) async throws {
            try await CacheFixture.run(servers: 3, { $0.splitting = Self.splitting(isSpread) }) { fixture in
                let cache = fixture.cache
                let reader = CacheFixture.client(for: fixture.servers.map { $0.path ?? "" })
                for count in [10_000, 10_001, 12_288, 3_000_000] {
                    let value = String((0..<count).map { Character(Unicode.Scalar(UInt8(97 + $0 * 7 % 23))) })
                    let key: CacheKey = "big:\(count)"
                    try await cache.setValue(value, for: key, timeToLive: .seconds(60))

                    #expect(try await cache.value(for: key) == value)
                    #expect(try await reader.value(for: key) == value)
                    #expect(try await cache.item(for: key, as: String.self)?.value == value)
                    #expect(await cache.values(for: [key, "none"], as: String.self).hits == [key: value])
                    let loaded = try await cache.value(for: key, timeToLive: .seconds(60)) { "loaded" }
                    #expect(loaded == value)
                }
                #expect(await cache.setValues(["m": String(repeating: "m", count: 50_000), "n": "n"]).isEmpty)
                #expect(try await cache.value(for: "m", as: String.self)?.utf8.count == 50_000)
                await reader.shutDown()
            }
        }

        @Test("With any part gone or another in its place it is a miss, and is loaded anew")
        func missingPart() async throws {
            try await CacheFixture.run(servers: 2, { $0.splitting = Self.splitting(true) }) { fixture in
                let cache = fixture.cache
                let value = String(repeating: "x", count: 20_000)
                for isReplaced in [true, false] {
                    try await cache.setValue(value, for: "big")
                    let place = fixture.cache.ring.server(for: "big")
                    let item = try #require(try fixture.stored(under: "big", server: place))
                    #expect(item.flags == 1 << 30)
                    let parts = try #require(ValueParts(decoding: item.value, bytesMax: .max))
                    #expect(parts.count == 5)
                    let part = parts.key(3, of: "big")
                    if isReplaced {
                        try await cache.setValue(String(repeating: "y", count: 4096), for: part)
                    } else {
                        #expect(try await cache.removeValue(for: part))
                    }

                    #expect(try await cache.value(for: "big", as: String.self) == nil)
                    #expect(try await cache.item(for: "big", as: String.self) == nil)
                    let loaded = try await cache.value(for: "big", timeToLive: .seconds(60)) { value + "!" }
                    #expect(loaded == value + "!")
                    #expect(try await cache.value(for: "big") == value + "!")
                }
            }
        }

        @Test("A life that the value is given is given to its parts", arguments: 0..<4)
        func lives(kind: Int) async throws {
            try await CacheFixture.run(servers: 2, { $0.splitting = Self.splitting(true) }) { fixture in
                let cache = fixture.cache
                // As does a reader that cuts nothing itself.
                let reader = CacheFixture.client(for: fixture.servers.map { $0.path ?? "" })
                let (value, life) = (String(repeating: "x", count: 20_000), Duration.seconds(1000))
                try await cache.setValue(value, for: "big", timeToLive: .seconds(60))
                try await cache.setValue("y", for: "small", timeToLive: .seconds(60))
                switch kind {
                case 0: #expect(try await reader.touchValue(for: "big", timeToLive: life))
                case 1:
                    let touched = await reader.touchValues(for: ["big", "small", "none"], timeToLive: life)
                    #expect(touched.touched == ["big", "small"])
                    #expect(touched.failures.isEmpty)
                case 2: #expect(try await reader.value(for: "big", extendingTimeToLive: life) == value)
                default:
                    let found = await reader.values(for: ["big"], as: String.self, extendingTimeToLive: life)
                    #expect(found.hits == ["big": value])
                }

                let list = try #require(try fixture.stored(under: "big", server: cache.ring.server(for: "big")))
                let parts = try #require(ValueParts(decoding: list.value, bytesMax: .max))
                for key in (0..<parts.count).map({ parts.key($0, of: "big") }) {
                    let item = try #require(try await cache.item(for: key, as: String.self))
                    #expect(item.remainingTimeToLive ?? .zero > .seconds(900))
                }
                #expect(try await cache.value(for: "big") == value)
                await reader.shutDown()
            }
        }

        @Test("A list of parts that is none is undecodable, however large it says that it is")
        func nonsense() async throws {
            try await CacheFixture.run { fixture in
                var huge = ValueParts(of: ByteBuffer(string: "x"), ValueSplitting()).encoded
                huge.setInteger(UInt64.max, at: 8)
                for value in [ByteBuffer(), ByteBuffer(string: "abc"), huge] {
                    try fixture.store(value, flags: 1 << 30, under: "k")

                    let error = await #expect(throws: CacheError.self) {
                        try await fixture.cache.value(for: "k", as: String.self)
                    }
                    #expect(error?.code == .undecodable)
                }
            }
        }

        @Test("A part may be as large, and a value said to be as long, as a number can be")
        func largestNumbers() throws {
            var splitting = ValueSplitting(partBytes: .max)
            #expect(ValueParts(of: ByteBuffer(string: "x"), splitting).count == 1)
            splitting.partBytes = 0
            #expect(ValueParts(of: ByteBuffer(repeating: 0, count: 1025), splitting).count == 2)
            var list = ValueParts(of: ByteBuffer(string: "x"), ValueSplitting()).encoded
            list.setInteger(UInt32.max, at: 4)
            list.setInteger(UInt64(Int64.max), at: 8)

            #expect(ValueParts(decoding: list, bytesMax: .max) == nil)
            #expect(ValueParts(decoding: list, bytesMax: -1) == nil)
        }

        @Test("A list of more parts than there can be is none, and no value is cut into as many")
        func manyParts() async throws {
            let large = ValueParts(of: ByteBuffer(repeating: 0, count: 5_000_000), ValueSplitting(partBytes: 1024))
            #expect(large.count <= 4096)
            #expect(ValueParts(decoding: large.encoded, bytesMax: .max) == large)

            try await CacheFixture.run { fixture in
                var list = ValueParts(of: ByteBuffer(string: "x"), ValueSplitting(partBytes: 1024)).encoded
                list.setInteger(UInt64(64 << 20), at: 8)
                try fixture.store(list, flags: 1 << 30, under: "k")

                let error = await #expect(throws: CacheError.self) {
                    try await fixture.cache.value(for: "k", as: String.self)
                }
                #expect(error?.code == .undecodable)
            }
        }

        @Test("A part that is longer than it can be makes a miss, be it that all together come to the value")
        func longPart() async throws {
            try await CacheFixture.run({ $0.splitting = Self.splitting(true) }) { fixture in
                let cache = fixture.cache
                let value = String((0..<20_000).map { Character(Unicode.Scalar(UInt8(97 + $0 * 7 % 23))) })
                try await cache.setValue(value, for: "big")
                let item = try #require(try fixture.stored(under: "big"))
                let parts = try #require(ValueParts(decoding: item.value, bytesMax: .max))
                try await cache.setValue(String(value.prefix(4000)), for: parts.key(0, of: "big"))
                try await cache.setValue(String(value.dropFirst(4000).prefix(4192)), for: parts.key(1, of: "big"))

                #expect(try await cache.value(for: "big", as: String.self) == nil)
            }
        }

        @Test("Conditional stores of large values keep their conditions")
        func conditions() async throws {
            try await CacheFixture.run({ $0.splitting = Self.splitting(true) }) { fixture in
                let cache = fixture.cache
                let (one, two) = (String(repeating: "1", count: 20_000), String(repeating: "2", count: 20_000))
                #expect(try await !cache.replaceValue(one, for: "k"))
                #expect(try await cache.addValue(one, for: "k"))
                #expect(try await !cache.addValue(two, for: "k"))
                #expect(try await cache.value(for: "k") == one)
                let version = try #require(try await cache.item(for: "k", as: String.self)?.version)
                #expect(try await cache.setValue(two, for: "k", ifVersionIs: version) == .stored)
                #expect(try await cache.setValue(one, for: "k", ifVersionIs: version) == .conflict)
                #expect(try await cache.value(for: "k") == two)
            }
        }
    }
}
