import MartletClient
import NIOCore
import StoreTesting

/// A server's bytes, decoded whole and in pieces, come to the same replies and the same end.
enum ReplyCheck {
    private static let valueBytesMax = 1 << 20

    static func check(_ input: [UInt8]) throws(FuzzFinding) {
        guard let seed = input.first else { return }
        let bytes = Array(input.dropFirst())
        var random = SplitMix(seed: UInt64(seed))
        var pieces: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = min(rest.count, 1 + random.below(seed & 1 == 0 ? 5 : 60))
            pieces.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        let (whole, cut) = (decode([bytes[...]]), decode(pieces))
        try FuzzFinding.expect(whole.isBroken == cut.isBroken, "only one of whole and pieces was refused")
        try FuzzFinding.expect(whole.replies == cut.replies, "whole and in pieces come to other replies")
    }

    private static func decode(_ pieces: [ArraySlice<UInt8>]) -> (replies: [ReceivedReply], isBroken: Bool) {
        var decoder = ReplyDecoder(valueBytesMax: valueBytesMax)
        var replies: [ReceivedReply] = []
        for piece in pieces {
            decoder.append(ByteBuffer(bytes: piece))
            do {
                while let reply = try decoder.next() { replies.append(reply) }
            } catch {
                return (replies, true)
            }
        }
        return (replies, false)
    }
}

/// Any bytes, said to be a compressed value of any length; and as a value, there and back.
enum CompressionCheck {
    static func check(_ input: [UInt8]) throws(FuzzFinding) {
        guard input.count >= 2 else { return }
        let count = Int(input[0]) << 8 | Int(input[1])
        let bytes = ByteBuffer(bytes: input.dropFirst(2))
        let value = LZ4.decompress(bytes, count: count)
        try FuzzFinding.expect(value == nil || value?.count == count, "a value of another length")
        guard let short = LZ4.compress(bytes, bytesMax: bytes.readableBytes + 64) else { return }
        let again = LZ4.decompress(ByteBuffer(bytes: short), count: bytes.readableBytes)
        try FuzzFinding.expect(again == Array(bytes.readableBytesView), "a value does not survive being compressed")
    }
}

/// What a name server answers: read as an answer to a question, or not at all.
enum NamesCheck {
    private static let name = "cache.example"

    static func check(_ input: [UInt8]) throws(FuzzFinding) {
        guard let first = input.first else { return }
        let kind = [DNSMessage.Kind.address, .service, .address6, .alias][Int(first % 4)]
        // Every second input has the right question in front: what matters comes behind it.
        guard first & 4 != 0, let question = DNSMessage.question(name, kind, number: 7), input.count > 3 else {
            _ = DNSMessage(Array(input.dropFirst()), to: name, kind, number: 7)
            return
        }
        var bytes = Array(question.dropLast(11))
        bytes[2] |= 0x80 | input[1] & 2
        bytes[3] = input[1] & 15
        bytes[7] = input[2]
        bytes += input.dropFirst(3)
        guard let message = DNSMessage(bytes, to: name, kind, number: 7) else { return }
        try FuzzFinding.expect(message.answers.count <= Int(input[2]), "more answers than there are")
    }
}
