import MartletProtocol
import MartletStore

/// Requests of the binary protocol that carry no value.
extension UnsafeMutablePointer where Pointee == Executor {
    /// Returns whether the connection goes on.
    func executeBinary(
        _ request: Request, _ header: BinaryHeader, _ key: ItemKey, _ output: OutputPointer
    ) -> Bool {
        switch request.command {
        case .get, .gat, .touch: retrieveBinary(request, header, key, output)
        case .delete: deleteBinary(request, header, key, output)
        case .incr, .decr: arithmeticBinary(request, header, key, output)
        default: return executeBinaryServerCommand(request, header, key, output)
        }
        return true
    }

    @inline(never)
    private func executeBinaryServerCommand(
        _ request: Request, _ header: BinaryHeader, _ key: ItemKey, _ output: OutputPointer
    ) -> Bool {
        switch request.command {
        case .metaNoop: output.appendBinaryDone(header)
        case .version:
            let version = ServerVersion.wire
            let start = output.pointee.reserve(BinaryReplyWriter.bytesMax)
            let body = BinaryReplyWriter.header(header, bodyBytes: version.utf8CodeUnitCount, at: start)
            output.pointee.advance(to: WireWriter.text(version, at: body))
        case .flushAll:
            flushBinary(request, header, output)
        case .stats:
            statisticsBinary(header, key, output)
        case .quit:
            if !request.isQuiet { output.appendBinaryDone(header) }
            return false
        default: output.appendBinary(.unknownCommand, header)
        }
        return true
    }

    private func flushBinary(_ request: Request, _ header: BinaryHeader, _ output: OutputPointer) {
        guard pointee.server.pointee.settings.allowsFlush else { return output.appendBinary(.notAllowed, header) }
        countFlush()
        flush(request)
        if !request.isQuiet { output.appendBinaryDone(header) }
    }

    /// One packet for each line that `stats` would answer, and one without key and value behind them. Words that
    /// `stats` does not know, or may not answer, are not found.
    @inline(never)
    func statisticsBinary(_ header: BinaryHeader, _ key: ItemKey, _ output: OutputPointer) {
        let words = UnsafeRawBufferPointer(start: key.bytes, count: key.count)
        var lines = OutputBuffer()
        let answer = withUnsafeMutablePointer(to: &lines) {
            Administration.answerStatistics(words: words, server: pointee.server, output: $0)
        }
        var text: [UInt8] = []
        lines.forEachPiece { text += $0 }
        let isDump = words.starts(with: "cachedump".utf8)
        guard case .done = answer, !isDump, !text.starts(with: "ERROR".utf8), !text.starts(with: "CLIENT_ERROR".utf8)
        else {
            return output.appendBinary(.notFound, header)
        }
        if words.elementsEqual("detail dump".utf8) {
            appendStatistic(header, Array("detailed".utf8)[...], text[...], output)
        } else {
            for line in text.split(separator: 0x0A) where line.starts(with: "STAT ".utf8) {
                let parts = line.dropFirst(5).split(separator: 0x20, maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = parts.first else { continue }
                let value = parts.count > 1 ? parts[1] : []
                appendStatistic(header, name, value.last == 0x0D ? value.dropLast() : value, output)
            }
        }
        output.appendBinaryDone(header)
    }

    private func appendStatistic(
        _ header: BinaryHeader, _ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>, _ output: OutputPointer
    ) {
        let start = output.pointee.reserve(BinaryReplyWriter.bytesMax)
        output.pointee.advance(
            to: BinaryReplyWriter.header(
                header, keyBytes: name.count, bodyBytes: name.count + value.count, at: start))
        name.withUnsafeBytes { output.pointee.append($0) }
        value.withUnsafeBytes { output.pointee.append($0) }
    }
}
