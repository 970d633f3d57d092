import Glibc

/// A few questions to a server, one after the other, outside of any measuring: who it is and what it counts.
struct Probe: ~Copyable {
    private let address: ServerAddress
    private let descriptor: Int32
    private let seconds: Double
    private let wire: WireProtocol
    private var text: [UInt8] = []

    private static let answerBytesMax = 1 << 20

    /// Connects, which settles the connector. Every later answer must come within `seconds`.
    init(
        _ connector: inout SocketConnector, wire: WireProtocol, connectSeconds: Double, seconds: Double
    ) throws(LoadError) {
        address = connector.address
        self.wire = wire
        self.seconds = seconds
        descriptor = try connector.settle(seconds: connectSeconds)
    }

    deinit { close(descriptor) }

    /// The server's version. Throws when whoever listens there does not speak this protocol.
    mutating func version() throws(LoadError) -> String {
        if wire == .redis {
            guard let version = try information()["redis_version"] else {
                throw .circumstances("\(address) does not speak Redis's protocol: its INFO tells no version.")
            }
            return version
        }
        let answer = try ask("version\r\n") { $0.last == 0x0A }
        guard answer.hasPrefix("VERSION ") else {
            throw .circumstances(
                "\(address) does not speak memcached: to 'version' it answered '\(Self.firstLine(answer))'.")
        }
        return String(Self.firstLine(answer).dropFirst(8))
    }

    /// `stats`, or what Redis has for it, name to value.
    mutating func statistics() throws(LoadError) -> [String: String] {
        if wire == .redis {
            var statistics = try information()
            statistics["pid"] = statistics["process_id"]
            statistics["evictions"] = statistics["evicted_keys"]
            return statistics
        }
        let end = Array("END\r\n".utf8)
        let answer = try ask("stats\r\n") { $0.suffix(5).elementsEqual(end) || $0.starts(with: Array("ERROR".utf8)) }
        var statistics: [String: String] = [:]
        for line in answer.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " ", maxSplits: 2)
            if words.count == 3, words[0] == "STAT" { statistics[String(words[1])] = String(words[2]) }
        }
        return statistics
    }

    /// Redis's `INFO`: `<name>:<value>`, a line each, in one byte string.
    private mutating func information() throws(LoadError) -> [String: String] {
        let answer = try ask("*1\r\n$4\r\nINFO\r\n") { bytes in
            bytes.withUnsafeBytes { whole in
                guard let start = whole.baseAddress, let reply = RedisReply(start, whole.count) else { return false }
                return reply.kind != .bytes || whole.count >= reply.lineBytes + reply.number + 2
            }
        }
        var information: [String: String] = [:]
        for line in answer.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: ":", maxSplits: 1)
            if words.count == 2 { information[String(words[0])] = String(words[1]) }
        }
        return information
    }

    private mutating func ask(_ question: String, until isWhole: ([UInt8]) -> Bool) throws(LoadError) -> String {
        let deadline = MonotonicTime.now() + UInt64(seconds * 1e9)
        var bytes = Array(question.utf8)
        guard send(descriptor, &bytes, bytes.count, SocketConnector.noSignal) == bytes.count else {
            throw .circumstances("\(address) takes no request: \(String(cString: strerror(errno))).")
        }
        var answer: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 16384)
        while !isWhole(answer) {
            guard answer.count < Self.answerBytesMax else {
                throw .circumstances("\(address) speaks another protocol: its answer does not end.")
            }
            guard SocketConnector.isReady(descriptor, POLLIN, until: deadline) else {
                throw .circumstances("\(address) does not answer within \(seconds) s.")
            }
            let got = recv(descriptor, &room, room.count, 0)
            if got < 0, errno == EAGAIN || errno == EINTR { continue }
            guard got > 0 else {
                throw .circumstances("\(address) closes the connection when it is asked for its version.")
            }
            answer += room[..<got]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    private static func firstLine(_ text: String) -> String {
        String((text.split(whereSeparator: \.isNewline).first ?? "").prefix(80))
    }
}
