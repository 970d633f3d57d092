// A dump: items as a file. Text where it can be, so that a person sees what it is:
//
//     martlet dump 2 <unix time>\n
//     item <key in base64> <flags> <unix time of its end, or -> <length of the value> <CRC-32> <CRC-32>\n
//     <value>\n
//     ...
//     end <items> <bytes of values>\n
//
// 1. What has no `end` is incomplete: it was interrupted, and can be continued behind its last whole item.
// 2. The first sum is that of the line as far as it: before it is right, nothing on the line is believed, its length
//    least of all. The second one is that of the line as far as it and of the value. An item with a wrong sum ends the
//    reading:
//    nothing of a damaged file is passed over in silence.

import MartletProtocol

/// Writes a dump.
struct DumpWriter: ~Copyable {
    private var output: FileOutput
    private(set) var items = 0
    private(set) var bytes = 0

    init(path: String, now: Int) throws {
        var output = try FileOutput(path: path)
        try output.write("martlet dump 2 \(now)\n".utf8)
        self.output = output
    }

    /// Continues a dump of which so much is whole.
    init(path: String, behind whole: DumpProgress) throws {
        output = try FileOutput(path: path, keeping: whole.position)
        items = whole.items
        bytes = whole.bytes
    }

    mutating func append(_ item: CacheItem, now: Int) throws {
        let expiry = item.ttlSeconds.map { String(now + $0) } ?? "-"
        let told = "item \(Base64.text(of: item.key)) \(item.flags) \(expiry) \(item.value.count) "
        let head = "\(told)\(Checksum.of(Array(told.utf8))) "
        try output.write("\(head)\(Checksum.of(Array(head.utf8), item.value))\n".utf8)
        try output.write(item.value)
        try output.write([0x0A])
        items += 1
        bytes += item.value.count
    }

    mutating func finish() throws {
        try output.write("end \(items) \(bytes)\n".utf8)
        try output.finish()
    }

    mutating func flush() throws { try output.flush() }
}

/// How far a dump is whole.
struct DumpProgress {
    var items = 0
    var bytes = 0
    /// Behind the last whole item.
    var position = 0
    var isComplete = false
}

/// Reads a dump.
struct DumpReader: ~Copyable {
    private var input: FileInput
    private let path: String
    private(set) var progress = DumpProgress()

    init(path: String) throws {
        self.path = path
        var input = try FileInput(path: path)
        let line = try input.readLine().map { String(decoding: $0, as: UTF8.self) } ?? ""
        guard line.hasPrefix("martlet dump 2 ") else {
            throw CacheFailure(
                "\(path) is \(line.hasPrefix("martlet dump ") ? "a dump of another version" : "no dump")")
        }
        progress.position = input.position
        self.input = input
    }

    /// The next item, with the time of its end in place of what is left of it; nil behind the last whole one.
    mutating func next() throws -> (item: CacheItem, expiry: Int?)? {
        guard !progress.isComplete, let line = try input.readLine() else { return nil }
        let words = String(decoding: line, as: UTF8.self).split(separator: " ")
        if words.first == "end" {
            guard words.count == 3, Int(words[1]) == progress.items, Int(words[2]) == progress.bytes else {
                throw CacheFailure("\(path): there are other items than its end says")
            }
            progress.isComplete = true
            return nil
        }
        guard words.count == 7, words[0] == "item" else { throw damaged("no item begins there") }
        let head = Array(line.dropLast(words[6].utf8.count))
        guard Checksum.of(Array(head.dropLast(words[5].utf8.count + 1))) == words[5] else {
            throw damaged("its line's sum is wrong")
        }
        guard let key = Base64.bytes(of: words[1]), key.count <= CacheKey.bytesMax, let flags = UInt32(words[2]),
            words[3] == "-" || Int(words[3]) != nil,
            let length = Int(words[4]), (0...CacheItem.valueBytesMax).contains(length)
        else { throw damaged("it says what cannot be") }
        guard let value = try input.read(length), let newline = try input.read(1) else { return nil }
        guard newline == [0x0A], Checksum.of(head, value) == words[6] else { throw damaged("its value's sum is wrong") }
        progress.items += 1
        progress.bytes += length
        progress.position = input.position
        let item = CacheItem(key: key, value: value, flags: flags, ttlSeconds: nil)
        return (item, Int(words[3]).map(CacheItem.believed))
    }

    private func damaged(_ reason: String) -> CacheFailure {
        CacheFailure("\(path): item \(progress.items + 1) is damaged: \(reason)")
    }
}

enum Checksum {
    static func of(_ head: [UInt8], _ value: [UInt8] = []) -> String {
        var sum = CRC32Sum()
        sum.add(head)
        sum.add(value)
        return String(sum.value, radix: 16)
    }
}

/// CRC-32 as zlib has it, over pieces.
struct CRC32Sum {
    private static let remainders: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { remainder, _ in remainder &>> 1 ^ (remainder & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    private var sum = UInt32.max

    var value: UInt32 { ~sum }

    mutating func add(_ bytes: [UInt8]) {
        let remainders = Self.remainders
        var sum = sum
        for byte in bytes { sum = sum &>> 8 ^ remainders[Int((sum ^ UInt32(byte)) & 0xFF)] }
        self.sum = sum
    }
}
