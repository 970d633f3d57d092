// A dump: items as a file. Text where it can be, so that a person sees what it is:
//
//     martlet dump 1 <unix time>\n
//     item <key in base64> <flags> <unix time of its end, or -> <length of the value> <CRC-32>\n
//     <value>\n
//     ...
//     end <items> <bytes of values>\n
//
// 1. What has no `end` is incomplete: it was interrupted, and can be continued behind its last whole item.
// 2. The sum is that of the item's line as far as the sum, and of the value. An item whose sum is wrong ends the reading:
//    nothing of a damaged file is passed over in silence.

/// Writes a dump.
struct DumpWriter: ~Copyable {
    private var output: FileOutput
    private(set) var items = 0
    private(set) var bytes = 0

    init(path: String, now: Int) throws {
        var output = try FileOutput(path: path)
        try output.write("martlet dump 1 \(now)\n".utf8)
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
        let head = "item \(CacheKey.base64(item.key)) \(item.flags) \(expiry) \(item.value.count) "
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
        guard line.hasPrefix("martlet dump 1 ") else { throw CacheFailure("\(path) is no dump") }
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
        guard words.count == 6, words[0] == "item", let key = Base64Text.decoded(words[1]),
            let flags = UInt32(words[2]),
            let length = Int(words[4]), (0...(1 << 31)).contains(length)
        else { throw CacheFailure("\(path): item \(progress.items + 1) is damaged") }
        guard let value = try input.read(length), let newline = try input.read(1) else { return nil }
        let head = Array(line.dropLast(words[5].utf8.count))
        guard newline == [0x0A], Checksum.of(head, value) == words[5] else {
            throw CacheFailure("\(path): item \(progress.items + 1) is damaged: its sum is wrong")
        }
        progress.items += 1
        progress.bytes += length
        progress.position = input.position
        return (CacheItem(key: key, value: value, flags: flags, ttlSeconds: nil), Int(words[3]))
    }
}

enum Checksum {
    static func of(_ head: [UInt8], _ value: [UInt8]) -> String {
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

enum Base64Text {
    static func decoded(_ text: Substring) -> [UInt8]? {
        var bytes: [UInt8] = []
        var group: UInt32 = 0
        var count = 0
        let letters = text.utf8
        guard letters.count % 4 == 0, !letters.isEmpty else { return nil }
        var padding = 0
        for letter in letters {
            let value: UInt32
            switch letter {
            case 0x41...0x5A: value = UInt32(letter) - 0x41
            case 0x61...0x7A: value = UInt32(letter) - 0x61 + 26
            case 0x30...0x39: value = UInt32(letter) - 0x30 + 52
            case 0x2B: value = 62
            case 0x2F: value = 63
            case 0x3D where padding < 2:
                padding += 1
                value = 0
            default: return nil
            }
            guard padding == 0 || letter == 0x3D else { return nil }
            group = group << 6 | value
            count += 1
            guard count == 4 else { continue }
            bytes.append(UInt8(truncatingIfNeeded: group >> 16))
            bytes.append(UInt8(truncatingIfNeeded: group >> 8))
            bytes.append(UInt8(truncatingIfNeeded: group))
            group = 0
            count = 0
        }
        bytes.removeLast(padding)
        return bytes
    }
}
