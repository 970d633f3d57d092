import LoadWorkload
import MartletProtocol

/// Meta replies: `VA <length> <flags>`, `HD <flags>`, `EN`, `NS`, `EX`, `NF`, `MN`, and numbers as values.
extension UnsafeMutablePointer where Pointee == DriverThread {
    func answerMeta(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>,
        _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int {
        guard count >= 4 else { return 0 }
        let code = bytes.loadUnaligned(as: UInt16.self).littleEndian
        let end = ByteSearch.first(ByteSearch.newline, in: bytes, from: 2, limit: count)
        guard end < count else {
            return count < WireLimits.replyLineBytesMax ? 0 : answerRarely(connection, request, bytes, count)
        }
        var line = MetaLine(bytes: bytes, end: end)
        let isKnown =
            code == MetaLine.value ? line.readValue() : line.readFlags(from: 2)
        guard isKnown else { return answerRarely(connection, request, bytes, count) }
        if line.hasOpaque ? line.opaque != MetaLine.letters(request.pointee.opaque) : owesOpaque(request, code) {
            garble(
                connection, "order", request.pointee.key,
                "answered with \(line.hasOpaque ? "another request's" : "no") opaque instead of "
                    + MetaLine.text(request.pointee.opaque))
            return -1
        }
        let total = line.lineBytes &+ (code == MetaLine.value ? line.valueLength &+ 2 : 0)
        guard count >= total else { return 0 }
        let value = UnsafeRawBufferPointer(start: bytes + line.lineBytes, count: line.valueLength)
        switch request.pointee.expectation {
        case .metaValue:
            guard answerMetaValue(connection, request, code, line, value) else { break }
            return connection.pointee.state == .open ? total : -1
        case .metaValues:
            guard answerMetaValues(connection, request, code, line, value, bytes) else { break }
            return connection.pointee.state == .open ? total : -1
        case .metaStored:
            guard
                code == MetaLine.done
                    || request.pointee.mayBeDeclined
                        && (code == MetaLine.notStored || code == MetaLine.exists || code == MetaLine.notFound)
            else { break }
            finishStore(connection, request, took: code == MetaLine.done)
            return total
        case .metaDone:
            guard code == MetaLine.done || code == MetaLine.notFound || code == MetaLine.miss else { break }
            finishChange(connection, request)
            return total
        case .metaNumber:
            guard code == MetaLine.value || code == MetaLine.done else { break }
            finishChange(connection, request)
            return total
        default: break
        }
        return answerRarely(connection, request, bytes, count)
    }

    /// Whether a reply has to repeat the opaque. Not misses: some releases of memcached leave it out there. Nor where none
    /// is sent.
    private func owesOpaque(_ request: UnsafeMutablePointer<Outstanding>, _ code: UInt16) -> Bool {
        if pointee.plan.verification == .off { return false }
        return switch request.pointee.expectation {
        case .metaValue, .metaStored, .metaDone, .metaNumber: code == MetaLine.value || code == MetaLine.done
        default: false
        }
    }

    /// One key's value, or its miss. False: no such reply fits.
    private func answerMetaValue(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>, _ code: UInt16,
        _ line: MetaLine, _ value: UnsafeRawBufferPointer
    ) -> Bool {
        let key = request.pointee.key
        if code == MetaLine.miss {
            finishRead(connection, request)
            return true
        }
        guard code == MetaLine.value else { return false }
        if request.pointee.step == .lease {
            // A made-up value of no bytes: whoever won stores the real one.
            if line.hasWon || line.isWonByOther || value.isEmpty {
                miss(connection, request, key: key, known: nil, valueBytes: request.pointee.valueBytes)
                if line.hasWon { follow(connection, request, key: key, token: line.token) }
                finish(connection, request)
                return true
            }
        }
        request.pointee.token = line.token
        guard takeValue(connection, request, key: key, known: request.pointee.known, value) else { return true }
        finishRead(connection, request)
        return true
    }

    /// A value of a quiet get, which names its key, or the end of them.
    private func answerMetaValues(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>, _ code: UInt16,
        _ line: MetaLine, _ value: UnsafeRawBufferPointer, _ bytes: UnsafeRawPointer
    ) -> Bool {
        if code == MetaLine.end {
            finishRead(connection, request)
            return true
        }
        guard code == MetaLine.value, line.keyCount > 0 else { return false }
        var passed = connection.pointee.keysPassed
        while passed < UInt32(request.pointee.keyCount) {
            let position = connection.pointee.keysHead &+ passed
            let asked = connection.pointee.keys[Int(position & connection.pointee.keysMask)]
            passed &+= 1
            let room = pointee.keyRoom + 6
            let written = pointee.keySpace.pointee.write(asked.key, at: room)
            guard written == line.keyCount, ReplyNumbers.isEqual(bytes + line.keyStart, room, written) else {
                continue
            }
            missUpTo(connection, request, passed &- 1)
            connection.pointee.keysPassed = passed
            _ = takeValue(connection, request, key: asked.key, known: asked.known, value)
            return true
        }
        return false
    }
}

/// The line of a meta reply, as far as the driver asks for it.
struct MetaLine: BitwiseCopyable {
    static let value = code("VA"), done = code("HD"), miss = code("EN"), end = code("MN")
    static let notStored = code("NS"), exists = code("EX"), notFound = code("NF")

    private static func code(_ text: StaticString) -> UInt16 {
        UInt16(text.utf8Start[0]) | UInt16(text.utf8Start[1]) << 8
    }

    /// An opaque as four letters, a to p for each four bits, the first one lowest: always as long, so that it is
    /// compared as one word.
    @inline(__always)
    static func letters(_ opaque: UInt16) -> UInt32 {
        let bytes = (UInt32(opaque) | UInt32(opaque) &<< 8) & 0x00FF_00FF
        return ((bytes | bytes &<< 4) & 0x0F0F_0F0F) &+ 0x6161_6161
    }

    /// ` O<opaque>` and the line's end, eight bytes.
    @inline(__always)
    static func end(opaque: UInt16) -> UInt64 { UInt64(letters(opaque)) &<< 16 | 0x0A0D_0000_0000_4F20 }

    static func text(_ opaque: UInt16) -> String {
        let letters = letters(opaque)
        return String(decoding: (0..<4).map { UInt8(truncatingIfNeeded: letters >> (8 * $0)) }, as: UTF8.self)
    }

    private let bytes: UnsafeRawPointer
    /// Where the newline is.
    private let end: Int
    private(set) var valueLength = 0
    private(set) var hasOpaque = false
    private(set) var hasWon = false
    private(set) var isWonByOther = false
    private(set) var opaque: UInt32 = 0
    private(set) var token: UInt64 = 0
    private(set) var keyStart = 0
    private(set) var keyCount = 0

    init(bytes: UnsafeRawPointer, end: Int) {
        self.bytes = bytes
        self.end = end
    }

    var lineBytes: Int { end &+ 1 }

    /// Reads a `VA` line; false if it is none.
    mutating func readValue() -> Bool {
        var numbers = ReplyNumbers(bytes: bytes, position: 3, limit: end)
        guard let length = numbers.number(), length <= UInt64(WireLimits.valueBytesMax) else { return false }
        valueLength = Int(truncatingIfNeeded: length)
        return readFlags(from: numbers.position)
    }

    /// Reads ` <flag> <flag>` up to the line's end; false if there is anything else.
    mutating func readFlags(from start: Int) -> Bool {
        var position = start
        while position < end {
            let byte = bytes.load(fromByteOffset: position, as: UInt8.self)
            if byte == ByteSearch.carriageReturn { return position &+ 1 == end }
            guard byte == 0x20, position &+ 1 < end else { return false }
            let letter = bytes.load(fromByteOffset: position &+ 1, as: UInt8.self)
            let argument = position &+ 2
            var stop = argument
            while stop < end, bytes.load(fromByteOffset: stop, as: UInt8.self) > 0x20 { stop &+= 1 }
            position = stop
            switch letter {
            case 0x4F:  // O
                opaque = stop &- argument == 4 ? bytes.loadUnaligned(fromByteOffset: argument, as: UInt32.self) : 0
                hasOpaque = true
            case 0x63:  // c
                guard let number = number(argument, stop) else { return false }
                token = number
            case 0x6B:  // k
                keyStart = argument
                keyCount = stop &- argument
            case 0x57: hasWon = true  // W
            case 0x5A: isWonByOther = true  // Z
            default: break
            }
        }
        return false
    }

    private func number(_ start: Int, _ stop: Int) -> UInt64? {
        var numbers = ReplyNumbers(bytes: bytes, position: start, limit: stop &+ 1)
        guard let number = numbers.number(), numbers.position == stop else { return nil }
        return number
    }
}
