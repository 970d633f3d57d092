import MartletProtocol

/// Bytes put through the parser, with what came out made comparable.
struct ParsedLine {
    let bytes: [UInt8]
    let outcome: ParseOutcome
    let request: Request

    init(_ text: String, scannedCount: Int = 0) {
        self.init(bytes: Array(text.utf8), scannedCount: scannedCount)
    }

    /// The bytes are copied into memory of exactly their size, so that the address sanitizer sees a read beyond them.
    init(bytes: [UInt8], scannedCount: Int = 0) {
        self.bytes = bytes
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
        defer { memory.deallocate() }
        memory.copyBytes(from: bytes)
        var request = Request()
        outcome = RequestParser.parse(
            UnsafeRawPointer(memory.baseAddress!), count: bytes.count, scannedCount: scannedCount, into: &request)
        self.request = request
    }

    func text(_ slice: LineSlice) -> String {
        String(decoding: bytes[Int(slice.offset)..<slice.end], as: UTF8.self)
    }

    var key: String { text(request.key) }

    /// All keys of a multiget.
    var keys: [String] {
        bytes.withUnsafeBytes { line in
            var keys: [String] = []
            var slice = request.key
            while !slice.isEmpty {
                keys.append(text(slice))
                slice = request.key(after: slice, in: line.baseAddress!)
            }
            return keys
        }
    }

    /// What the client would see: the error line, `-` for silence, followed by what happens to the stream.
    var refusal: String? {
        guard outcome == .refused else { return nil }
        let refusal = request.refusal
        var text = refusal.isSilent ? "-" : String(describing: refusal.reply.line).replacing("\r\n", with: "")
        if refusal.swallowBytes > 0 { text += " +\(refusal.swallowBytes)" }
        if refusal.closes { text += " close" }
        return text
    }
}
