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

        @Test("A value beyond the limit is refused as soon as its length is known")
        func limit() {
            var decoder = ReplyDecoder(valueBytesMax: 1000)
            decoder.append(ByteBuffer(string: "VA 100000 O1\r\n"))

            #expect(throws: CacheError.self) { try decoder.next() }
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
            var ring = RingBuffer<UInt64>(capacity: 4)
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
    }
}
