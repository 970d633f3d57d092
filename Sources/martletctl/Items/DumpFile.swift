// A dump: items as a file. Text where it can be, so that a person sees what it is:
//
//     martlet dump 2 <unix time>\n
//     item <key in base64> <flags> <unix time of its end, or -> <length of the value> <CRC-32> <CRC-32>\n
//     <value>\n
//     ...
//     end <items> <bytes of values>\n
//
// 1. What has no `end` is incomplete: it was interrupted, and can be continued behind its last whole item, or begun
//    anew if it has none. Until it is whole it has another name (`FileOutput`).
// 2. The first sum is that of the line as far as it: before it is right, nothing on the line is believed, its length
//    least of all. The second one is that of the line as far as it and of the value. An item with a wrong sum ends the
//    reading:
//    nothing of a damaged file is passed over in silence.

import MartletProtocol

/// The first line.
enum DumpHead {
    static let words = "martlet dump 2 "

    /// Whether a dump's first line may begin so: the whole file is no more than that, or nothing.
    static func isCut(_ bytes: [UInt8]) -> Bool {
        let words = Array(words.utf8)
        return words.starts(with: bytes)
            || bytes.starts(with: words) && bytes.dropFirst(words.count).allSatisfy { (0x30...0x39).contains($0) }
    }
}

/// Writes a dump.
struct DumpWriter: ~Copyable {
    private var output: FileOutput
    private(set) var items = 0
    private(set) var bytes = 0

    /// Continues a dump of which so much is whole, and begins one where that is nothing.
    init(path: String, behind whole: DumpProgress, now: Int) throws {
        var output = FileOutput(path: path, keeping: whole.position)
        if whole.position == 0 { try output.write("\(DumpHead.words)\(now)\n".utf8) }
        self.output = output
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

    /// A file that is empty, or ends within the first line, is a dump that was interrupted before its first item:
    /// nothing of it is whole.
    init(path: String) throws {
        self.path = path
        var input = try FileInput(path: path)
        if let bytes = try input.readLine() {
            let line = String(decoding: bytes, as: UTF8.self)
            guard line.hasPrefix(DumpHead.words) else {
                throw CacheFailure(
                    "\(path) is \(line.hasPrefix("martlet dump ") ? "a dump of another version" : "no dump")")
            }
            progress.position = input.position
        } else if !DumpHead.isCut(input.rest) {
            throw CacheFailure("\(path) is no dump")
        }
        self.input = input
    }

    /// The next item, with the time of its end in place of what is left of it; nil behind the last whole one.
    mutating func next() throws -> (item: CacheItem, expiry: Int?)? {
        guard !progress.isComplete, progress.position > 0, let line = try input.readLine() else { return nil }
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
