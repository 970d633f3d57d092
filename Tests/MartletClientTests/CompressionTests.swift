import MartletClient
import NIOCore
import Testing

extension ClientTests {
    /// Values that are shorter on their way, and the format they are in.
    @Suite("Compression")
    struct CompressionTests {
        /// Bytes that repeat themselves more or less: `variety` letters, and copies of what was before.
        private static func bytes(_ count: Int, variety: Int, _ random: inout SplitMix) -> ByteBuffer {
            var bytes: [UInt8] = []
            while bytes.count < count {
                if bytes.count > 20, random.next() % 3 == 0 {
                    let start = Int(random.next() % UInt64(bytes.count - 10))
                    let length = min(Int(random.next() % 300) + 4, bytes.count - start)
                    bytes += bytes[start..<start + length]
                } else {
                    bytes.append(UInt8(truncatingIfNeeded: random.next() % UInt64(variety)))
                }
            }
            return ByteBuffer(bytes: bytes.prefix(count))
        }

        @Test("Whatever becomes short becomes long again")
        func roundTrips() {
            var random = SplitMix(seed: 1)
            for round in 0..<400 {
                let value = Self.bytes(Int(random.next() % 5000), variety: [1, 2, 20, 256][round % 4], &random)
                guard let block = LZ4.compress(value, bytesMax: .max) else {
                    #expect(value.readableBytes < 12)
                    continue
                }
                #expect(
                    LZ4.decompress(ByteBuffer(bytes: block), count: value.readableBytes)
                        == Array(value.readableBytesView))
            }
            let long = ByteBuffer(repeating: 7, count: 1 << 20)
            #expect(LZ4.compress(long, bytesMax: .max)?.count ?? .max < 5000)
        }

        @Test("Blocks of the reference implementation are understood")
        func reference() {
            // What python-lz4 4.4.5 makes of it.
            let text = "abcabcabcabcabcabcabcabcabcabcabcabc the end"
            let block: [UInt8] = [0x3F, 0x61, 0x62, 0x63, 0x03, 0x00, 0x0E, 0x80] + Array(" the end".utf8)

            #expect(LZ4.decompress(ByteBuffer(bytes: block), count: text.utf8.count) == Array(text.utf8))
        }

        @Test("Broken blocks are refused, without a trap and without memory for what they promise")
        func broken() {
            var random = SplitMix(seed: 2)
            let value = Self.bytes(3000, variety: 8, &random)
            let block = LZ4.compress(value, bytesMax: .max) ?? []
            for _ in 0..<2000 {
                var wrong = Array(block.prefix(Int(random.next() % UInt64(block.count + 1))))
                for _ in 0..<random.next() % 4 where !wrong.isEmpty {
                    wrong[Int(random.next() % UInt64(wrong.count))] = UInt8(truncatingIfNeeded: random.next())
                }
                let result = LZ4.decompress(ByteBuffer(bytes: wrong), count: value.readableBytes)
                #expect(result == nil || result?.count == value.readableBytes)
            }
            #expect(LZ4.decompress(ByteBuffer(bytes: [0x00]), count: 1 << 40) == nil)
            #expect(LZ4.decompress(ByteBuffer(bytes: [0x0F, 0x01, 0x00]), count: 19) == nil)
        }

        @Test("Long values are stored short, short ones and noise as they are, and any client of ours reads all")
        func values() async throws {
            try await CacheFixture.run({ $0.compression = .lz4(bytesMin: 500) }) { fixture in
                let other = CacheFixture.client(for: fixture.servers.map { $0.path ?? "" })
                let text = String(repeating: "All work and no play makes Jack a dull boy. ", count: 100)
                var random = SplitMix(seed: 3)
                let noise = ByteBuffer(bytes: (0..<2000).map { _ in UInt8(truncatingIfNeeded: random.next()) })
                try await fixture.cache.setValue(text, for: "text")
                try await fixture.cache.setValue([text, text], for: "list")
                try await fixture.cache.setValue(noise, for: "noise")
                try await fixture.cache.setValue("short", for: "short")

                for cache in [fixture.cache, other] {
                    #expect(try await cache.value(for: "text") == text)
                    #expect(try await cache.value(for: "list") == [text, text])
                    #expect(try await cache.value(for: "noise") == noise)
                    #expect(try await cache.value(for: "short") == "short")
                    #expect(await cache.values(for: ["text"], as: String.self).hits["text"] == text)
                }
                let raw = try #require(try fixture.stored(under: "text"))
                #expect(raw.value.readableBytes < 500)
                #expect(raw.flags == 1 << 28)
                await other.shutDown()
            }
        }

        @Test("What says that it is short and is not is undecodable, and loaded anew")
        func undecodable() async throws {
            try await CacheFixture.run { fixture in
                for value in [ByteBuffer(), ByteBuffer(string: "ab"), ByteBuffer(bytes: [0, 0, 0, 9, 0x1F, 1])] {
                    try fixture.store(value, flags: 1 << 28, under: "k")

                    let error = await #expect(throws: CacheError.self) {
                        try await fixture.cache.value(for: "k", as: String.self)
                    }
                    #expect(error?.code == .undecodable)
                    let value = try await fixture.cache.value(for: "k", timeToLive: .seconds(9)) { "anew" }
                    #expect(value == "anew")
                }
            }
        }
    }
}
