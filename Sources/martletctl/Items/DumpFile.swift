// A dump: items as a file. Text where it can be, so that a person sees what it is:
//
//     martlet dump 2 <unix time> <servers and filter, as on the command line>\n
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
// 3. Behind `end` is the end of the file, or another dump's first line: files joined by `cat` are all loaded.
// 4. An interrupted dump goes on only with the servers and the filter that it was begun with. The first line of older
//    dumps does not tell them.

import MartletProtocol

/// The first line.
enum DumpHead {
    static let words = "martlet dump 2 "

    /// A longer source is told by its sum: the line has to be read again.
    private static let sourceBytesMax = 1 << 14

    /// `source` as it stands in the line.
    static func told(_ source: String) -> String {
        let shown = TerminalText.shown(source)
        return shown.utf8.count <= sourceBytesMax ? shown : "sum \(Checksum.of(Array(shown.utf8)))"
    }

    /// Whether a dump's first line may begin so: the whole file is no more than that, or nothing.
    static func isCut(_ bytes: [UInt8]) -> Bool {
        let words = Array(words.utf8)
        guard bytes.starts(with: words) else { return words.starts(with: bytes) }
        let rest = bytes.dropFirst(words.count).drop { (0x30...0x39).contains($0) }
        return rest.isEmpty || rest.first == 0x20
    }
}

/// When a dump was begun, and of what.
struct DumpOrigin {
    let seconds: Int
    /// nil where the first line does not tell.
    let source: String?

    /// Of a first line.
    init(_ line: String) {
        let parts = line.dropFirst(DumpHead.words.count).split(separator: " ", maxSplits: 1)
        seconds = parts.first.flatMap { Int($0) }.map(CacheItem.believed) ?? 0
        source = parts.count > 1 ? String(parts[1]) : nil
    }
}

/// Writes a dump.
struct DumpWriter: ~Copyable {
    private var output: FileOutput
    private(set) var items = 0
    private(set) var bytes = 0

    /// Continues a dump of which so much is whole, and begins one where that is nothing.
    init(path: String, of source: String, behind whole: DumpProgress, now: Int) throws {
        var output = FileOutput(path: path, keeping: whole.position)
        if whole.position == 0 { try output.write("\(DumpHead.words)\(now) \(DumpHead.told(source))\n".utf8) }
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

/// How far a dump is whole; of several in one file, the last of them.
struct DumpProgress {
    /// Of the dumps before it.
    var earlierItems = 0
    var items = 0
    var bytes = 0
    /// Behind the last whole item.
    var position = 0
    var isComplete = false
    /// Whether dumps before it are in the file.
    var isFurther = false

    var allItems: Int { earlierItems + items }
}

/// Reads a dump.
struct DumpReader: ~Copyable {
    private var input: FileInput
    private let path: String
    private(set) var progress = DumpProgress()
    /// nil before the first line is whole.
    let origin: DumpOrigin?

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
            origin = DumpOrigin(line)
        } else {
            guard DumpHead.isCut(input.rest) else { throw CacheFailure("\(path) is no dump") }
            origin = nil
        }
        self.input = input
    }

    /// The next item, with the time of its end in place of what is left of it; nil behind the last whole one.
    mutating func next() throws -> (item: CacheItem, expiry: Int?)? {
        while progress.position > 0, let line = try input.readLine() {
            if progress.isComplete {
                try beginNext(line)
                continue
            }
            let words = String(decoding: line, as: UTF8.self).split(separator: " ")
            guard words.first == "end" else { return try item(line, words) }
            guard words.count == 3, Int(words[1]) == progress.items, Int(words[2]) == progress.bytes else {
                throw CacheFailure("\(path): there are other items than its end says")
            }
            progress.isComplete = true
        }
        if progress.isComplete, !input.rest.isEmpty {
            guard DumpHead.isCut(input.rest) else { throw notTheEnd }
            progress.isComplete = false
        }
        return nil
    }

    /// Rule 3.
    private mutating func beginNext(_ line: [UInt8]) throws {
        guard String(decoding: line, as: UTF8.self).hasPrefix(DumpHead.words) else { throw notTheEnd }
        progress = DumpProgress(earlierItems: progress.allItems, position: input.position, isFurther: true)
    }

    private var notTheEnd: CacheFailure { CacheFailure("\(path): what stands behind its end is no dump") }

    /// The item whose first line that is; nil where the end of the file cuts it.
    private mutating func item(_ line: [UInt8], _ words: [Substring]) throws -> (item: CacheItem, expiry: Int?)? {
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
        CacheFailure("\(path): item \(progress.allItems + 1) is damaged: \(reason)")
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
