import Glibc

/// A blocking connection of a soak, which reads what comes in large pieces.
final class SoakConnection {
    struct Ended: Error, CustomStringConvertible {
        var description: String {
            "a connection has ended, or nothing has come for \(SoakConnection.patienceSeconds) s"
        }
    }

    /// The head of a reply of the binary protocol.
    struct BinaryHead {
        let status: Int
        let extrasBytes: Int
        let bodyBytes: Int
    }

    private let descriptor: Int32
    private var bytes: [UInt8] = []
    private var place = 0
    private var room = [UInt8](repeating: 0, count: 1 << 17)

    private static let patienceSeconds = 30
    private static let binaryHeadBytes = 24

    init(_ endpoint: Endpoint) throws { descriptor = try endpoint.connect(patienceSeconds: Self.patienceSeconds) }

    deinit { close(descriptor) }

    // MARK: Sending

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ request: [UInt8]) throws {
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Ended() }
            sent += count
        }
    }

    /// A request of the binary protocol.
    func send(binary opcode: UInt8, extras: [UInt8], key: String, value: ArraySlice<UInt8>) throws {
        func bigEndian(_ number: Int, _ count: Int) -> [UInt8] {
            (0..<count).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        var head: [UInt8] = [0x80, opcode] + bigEndian(key.utf8.count, 2) + [UInt8(extras.count), 0, 0, 0]
        head += bigEndian(extras.count + key.utf8.count + value.count, 4) + [UInt8](repeating: 0, count: 12)
        try send(head + extras + Array(key.utf8) + value)
    }

    // MARK: Receiving

    /// A line, without its end.
    func line() throws -> String {
        var from = place
        while true {
            if let end = bytes[from...].firstIndex(of: 0x0A) {
                defer { place = end + 1 }
                return String(decoding: bytes[place..<end].filter { $0 != 0x0D }, as: UTF8.self)
            }
            let scanned = bytes.count - place
            try more()
            from = place + scanned
        }
    }

    /// A data block, without its end.
    func dataBlock(_ count: Int) throws -> ArraySlice<UInt8> { try take(count, behind: 2) }

    func binaryHead() throws -> BinaryHead {
        let head = Array(try take(Self.binaryHeadBytes))
        func number(_ range: Range<Int>) -> Int { head[range].reduce(0) { $0 << 8 | Int($1) } }
        return BinaryHead(status: number(6..<8), extrasBytes: Int(head[4]), bodyBytes: number(8..<12))
    }

    /// So many bytes; those `behind` them are passed over.
    func take(_ count: Int, behind rest: Int = 0) throws -> ArraySlice<UInt8> {
        while bytes.count - place < count + rest { try more() }
        defer { place += count + rest }
        return bytes[place..<place + count]
    }

    private func more() throws {
        bytes.removeFirst(place)
        place = 0
        let count = recv(descriptor, &room, room.count, 0)
        guard count > 0 else { throw Ended() }
        bytes += room[..<count]
    }
}
