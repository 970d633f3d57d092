import MartletProtocol
import MartletStore

/// get, getk, gat, gatk and touch of the binary protocol.
extension UnsafeMutablePointer where Pointee == Executor {
    private static var flagsBytes: Int { 4 }

    /// Answers with the item's flags and, but for touch, its value.
    func retrieveBinary(_ request: Request, _ header: BinaryHeader, _ key: ItemKey, _ output: OutputPointer) {
        let isTouch = request.command != .get
        let newExpiry = isTouch ? second(request.exptime) : nil
        let tellsKey = BinaryOpcode(rawValue: header.opcode)?.tellsKey ?? false
        guard let hold = session.hold(key, bump: true, newExpiry: newExpiry) else {
            countMiss(isTouch: isTouch)
            if request.isQuiet { return }
            return tellsKey ? appendMissedKey(header, key, output) : output.appendBinary(.notFound, header)
        }
        let length = request.command == .touch ? 0 : hold.valueLength
        let keyBytes = tellsKey ? key.count : 0
        let isCopied = length > 0 && !hold.isLeasable
        let start = output.pointee.reserve(BinaryReplyWriter.bytesMax &+ keyBytes &+ (isCopied ? length : 0))
        var cursor = BinaryReplyWriter.header(
            header, extrasBytes: Self.flagsBytes, keyBytes: keyBytes,
            bodyBytes: Self.flagsBytes &+ keyBytes &+ length, token: shown(hold.token), at: start)
        cursor = BinaryReplyWriter.word(hold.clientFlags, at: cursor)
        cursor = WireWriter.bytes(UnsafeRawBufferPointer(start: key.bytes, count: keyBytes), at: cursor)
        if isCopied {
            hold.copyValue(to: cursor)
            cursor += length
        }
        output.pointee.advance(to: cursor)
        if length > 0, !isCopied { output.pointee.append(lease: hold.lease()) }
        let slabClass = hold.slabClass
        _ = consume hold
        countHit(slabClass, isTouch: isTouch)
    }

    private func appendMissedKey(_ header: BinaryHeader, _ key: ItemKey, _ output: OutputPointer) {
        let start = output.pointee.reserve(BinaryReplyWriter.bytesMax &+ key.count)
        let body = BinaryReplyWriter.header(
            header, status: .notFound, keyBytes: key.count, bodyBytes: key.count, at: start)
        output.pointee.advance(
            to: WireWriter.bytes(UnsafeRawBufferPointer(start: key.bytes, count: key.count), at: body))
    }
}

extension UnsafeMutablePointer where Pointee == OutputBuffer {
    /// Appends a reply that has nothing but a status, with the text that belongs to it.
    func appendBinary(_ status: BinaryStatus, _ header: BinaryHeader) {
        let start = pointee.reserve(BinaryReplyWriter.bytesMax)
        pointee.advance(to: BinaryReplyWriter.status(status, header, at: start))
    }

    /// Appends a success without a body.
    func appendBinaryDone(_ header: BinaryHeader, token: UInt64 = 0) {
        let start = pointee.reserve(BinaryReplyWriter.bytesMax)
        pointee.advance(to: BinaryReplyWriter.header(header, token: token, at: start))
    }
}
