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
    /// `stats` does not know, or may not answer, are not found. Returns the answer if it takes many turns.
    @inline(never)
    func statisticsBinary(_ header: BinaryHeader, _ key: ItemKey, _ output: OutputPointer) -> (any LongAnswer)? {
        let line = UnsafeRawBufferPointer(start: key.bytes, count: key.count)
        let words = Administration.split(line)
        if words.starts(with: ["detail", "dump"]) {
            prefixesBinary(header, words, output)
            return nil
        }
        if let source = Administration.slicedStatistics(words, pointee.server) {
            return BinaryStatistics(header, source)
        }
        var lines = OutputBuffer()
        let answer = withUnsafeMutablePointer(to: &lines) {
            Administration.answerStatistics(words: line, server: pointee.server, output: $0)
        }
        noticePrefixes()
        var text: [UInt8] = []
        lines.forEachPiece { text += $0 }
        let isDump = line.starts(with: "cachedump".utf8)
        guard case .done = answer, !isDump, !text.starts(with: "ERROR".utf8), !text.starts(with: "CLIENT_ERROR".utf8)
        else {
            output.appendBinary(.notFound, header)
            return nil
        }
        output.appendStatistics(text, header)
        output.appendBinaryDone(header)
        return nil
    }

    /// `detail dump`: all of it in one packet, so only where it is little enough for one turn.
    private func prefixesBinary(_ header: BinaryHeader, _ words: [String], _ output: OutputPointer) {
        let server = pointee.server
        guard server.pointee.settings.allowsDump else { return output.appendBinary(.notFound, header) }
        let count = server.pointee.observers.reduce(0) { $0 + $1.pointee.prefixes.rowCount }
        guard count <= Limits.prefixesInOnePieceMax else { return output.appendBinary(.outOfMemory, header) }
        output.appendStatistic(
            header, Array("detailed".utf8)[...], Administration.statistics(words, server: server).bytes[...])
        output.appendBinaryDone(header)
    }
}

/// The answer to `stat` with words for which there may be much to tell.
struct BinaryStatistics: LongAnswer {
    private let header: BinaryHeader
    private var source: any SlicedStatistics

    init(_ header: BinaryHeader, _ source: any SlicedStatistics) {
        self.header = header
        self.source = source
    }

    var needsConnection: Bool { false }

    mutating func appendLines(
        _ server: Administration.Server, _ output: UnsafeMutablePointer<OutputBuffer>
    ) -> AnswerProgress {
        source.answer(server, output) { [header] text, isLast in
            output.appendStatistics(text.bytes, header)
            if isLast { output.appendBinaryDone(header) }
        }
    }
}

extension UnsafeMutablePointer where Pointee == OutputBuffer {
    /// A packet for each `STAT` line of the text.
    fileprivate func appendStatistics(_ text: [UInt8], _ header: BinaryHeader) {
        for line in text.split(separator: 0x0A) where line.starts(with: "STAT ".utf8) {
            let parts = line.dropFirst(5).split(separator: 0x20, maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first else { continue }
            let value = parts.count > 1 ? parts[1] : []
            appendStatistic(header, name, value.last == 0x0D ? value.dropLast() : value)
        }
    }

    fileprivate func appendStatistic(
        _ header: BinaryHeader, _ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>
    ) {
        let start = pointee.reserve(BinaryReplyWriter.bytesMax)
        pointee.advance(
            to: BinaryReplyWriter.header(
                header, keyBytes: name.count, bodyBytes: name.count + value.count, at: start))
        name.withUnsafeBytes { pointee.append($0) }
        value.withUnsafeBytes { pointee.append($0) }
    }
}
