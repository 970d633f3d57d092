import Foundation
import MartletClient
import NIOCore
import Testing

extension ClientTests {
    /// Parts without sockets.
    @Suite("Replies and queues")
    struct DecoderTests {
        static let stream =
            "VA 3 O1 f0 c7 t-1 W\r\na\r\n\r\nEN\r\nHD O2\r\nVALUE key 5 2 9\r\nhi\r\nEND\r\nNF O3\r\nVA 0 O4\r\n\r\n"
            + "SERVER_ERROR out of memory\r\nVA 30 O5\r\n\(String(repeating: "x", count: 30))\r\n42\r\nSTORED\r\n"

        private func replies(_ pieces: [ByteBuffer]) throws -> [ReceivedReply] {
            var decoder = ReplyDecoder(valueBytesMax: 1000)
            var replies: [ReceivedReply] = []
            for piece in pieces {
                decoder.append(piece)
                while let reply = try decoder.next() { replies.append(reply) }
            }
            return replies
        }

        @Test("Any split of the bytes gives the same replies")
        func splits() throws {
            let whole = try replies([ByteBuffer(string: Self.stream)])
            #expect(whole.count == 11)
            #expect(whole[0].value == ByteBuffer(string: "a\r\n"))
            #expect(whole[0].number == 1)

            let bytes = Array(Self.stream.utf8)
            for cut in 0...bytes.count {
                let halves = [ByteBuffer(bytes: bytes[..<cut]), ByteBuffer(bytes: bytes[cut...])]
                #expect(try replies(halves) == whole, "cut at \(cut)")
            }
            #expect(try replies(bytes.map { ByteBuffer(bytes: [$0]) }) == whole)
        }

        @Test("A value beyond the limit is passed by, however it is split, and the replies behind it are as they were")
        func limit() throws {
            let long = String(repeating: "x", count: 1001)
            let bytes = Array("VA 1001 O1 f3\r\n\(long)\r\nVALUE key 5 1001 9\r\n\(long)\r\nEND\r\nEN\r\n".utf8)
            let whole = try replies([ByteBuffer(bytes: bytes)])
            #expect(whole.map(\.skippedBytes) == [1001, 1001, nil, nil])
            #expect(whole.allSatisfy { $0.value == nil })
            #expect(whole[0].number == 1 && whole[0].clientFlags == 3)
            #expect(whole[1].key == Array("key".utf8) && whole[1].token == 9)

            for cut in 0...bytes.count {
                let halves = [ByteBuffer(bytes: bytes[..<cut]), ByteBuffer(bytes: bytes[cut...])]
                #expect(try replies(halves) == whole, "cut at \(cut)")
            }
            #expect(try replies(bytes.map { ByteBuffer(bytes: [$0]) }) == whole)
        }

        @Test(
            "A value that no server keeps, or one beyond the limit that does not end where it should, is refused",
            arguments: ["VA 1073741825 O1\r\n", "VA 1001 O1\r\n\(String(repeating: "x", count: 1003))"])
        func impossibleValue(text: String) {
            var decoder = ReplyDecoder(valueBytesMax: 1000)
            decoder.append(ByteBuffer(string: text))

            let error = #expect(throws: CacheError.self) { try decoder.next() }
            #expect(error?.code == .protocolViolation)
        }

        @Test("A limit of all that a number can be is one that can be reckoned with")
        func largestLimit() throws {
            var decoder = ReplyDecoder(valueBytesMax: .max)
            decoder.append(ByteBuffer(string: "VA 3 O1\r\na"))
            #expect(try decoder.next() == nil)
            decoder.append(ByteBuffer(string: "bc\r\n"))
            #expect(try decoder.next()?.value == ByteBuffer(string: "abc"))

            var configuration = CacheConfiguration()
            configuration.valueBytesMax = .max
            #expect(configuration.valueBytesMax == 1 << 30)
            configuration.valueBytesMax = -1
            #expect(configuration.valueBytesMax == 0)
        }

        @Test("Random bytes are decoded, waited for or refused")
        func randomBytes() {
            var random = SplitMix(seed: 11)
            let letters = Array("VAHDENMS O1cft0123456789-\r\n \u{0}xVALUE".utf8)
            for _ in 0..<20_000 {
                var decoder = ReplyDecoder(valueBytesMax: 100)
                for _ in 0..<3 {
                    let count = Int(random.next() % 20)
                    let bytes = (0..<count).map { _ in letters[Int(random.next() % UInt64(letters.count))] }
                    decoder.append(ByteBuffer(bytes: bytes))
                    do {
                        while try decoder.next() != nil {}
                    } catch {
                        break
                    }
                }
            }
        }

        @Test("A ring buffer is a queue, whatever is appended and removed when")
        func ringBuffer() {
            var random = SplitMix(seed: 5)
            var ring = RingBuffer<UInt64>()
            var model: [UInt64] = []
            for _ in 0..<20_000 {
                if random.next() % 5 < 3 {
                    let number = random.next()
                    ring.append(number)
                    model.append(number)
                } else {
                    #expect(ring.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
                }
                if !model.isEmpty {
                    let offset = Int(random.next() % UInt64(model.count))
                    ring[offset] &+= 1
                    model[offset] &+= 1
                    #expect(ring[offset] == model[offset])
                }
                #expect(ring.count == model.count)
                if random.next() % 400 == 0 { while ring.popFirst() != nil { model.removeFirst() } }
            }
        }

        @Test("A connection is silent if something was awaited and nothing came, and not if it came late")
        func silence() {
            let patience = TimeAmount.milliseconds(100)
            func at(_ milliseconds: UInt64) -> NIODeadline { .uptimeNanoseconds((1000 + milliseconds) * 1_000_000) }
            var hearing = Hearing()
            // It has been idle for a second: that is no silence.
            hearing.begin(at: at(0))
            #expect(!hearing.isSilent(at: at(10), patience: patience))
            #expect(hearing.isSilent(at: at(50), patience: patience))

            // Each reply comes behind its caller's end, and comes.
            for turn in 1...20 as ClosedRange<UInt64> {
                hearing.hear(at: at(turn * 130), isReply: true)
                #expect(!hearing.isSilent(at: at(turn * 130 + 40), patience: patience))
                let next = at(turn * 130 - 30)
                #expect(hearing.stuckAt(next: next, patience: patience) == at(turn * 130 + 100))
            }
            // Bytes are a sign of life, but no reply.
            hearing.hear(at: at(3000), isReply: false)
            #expect(!hearing.isSilent(at: at(3040), patience: patience))
            #expect(hearing.stuckAt(next: at(2700), patience: patience) == at(2800))
        }

        @Test("Lines come out whole, however they came in, and a long one in many pieces is no great work")
        func lines() {
            let text = Array("one\n\nthree\n\(String(repeating: "x", count: 100))\nrest".utf8)
            for size in [1, 2, 3, 7, text.count] {
                var splitter = LineSplitter()
                var lines: [String] = []
                for start in stride(from: 0, to: text.count, by: size) {
                    splitter.append(text[start..<min(start + size, text.count)])
                    lines += splitter.lines().map { String(decoding: $0, as: UTF8.self) }
                }
                #expect(lines == ["one", "", "three", String(repeating: "x", count: 100)])
                #expect(splitter.rest == Array("rest".utf8))
            }
            var splitter = LineSplitter()
            for _ in 0..<40_000 {
                splitter.append([UInt8](repeating: 0x78, count: 100))
                #expect(splitter.lines().isEmpty)
            }
            splitter.append([0x0A])
            #expect(splitter.lines().map(\.count) == [4_000_000])
        }

        @Test(
            "The range of a prefix ends behind all keys that begin with it, also where its last bytes are the greatest")
        func prefixes() {
            #expect(EtcdMessage.end(ofPrefix: Data("a/".utf8)) == Data("a0".utf8))
            #expect(EtcdMessage.end(ofPrefix: Data([0x61, 0xFF, 0xFF])) == Data([0x62]))
            #expect(EtcdMessage.end(ofPrefix: Data([0xFF])) == Data([0]))
            #expect(EtcdMessage.end(ofPrefix: Data()) == Data([0]))
        }
    }
}
