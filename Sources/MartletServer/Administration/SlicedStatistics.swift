/// Statistics of which there may be more than others can be let wait for.
package protocol SlicedStatistics {
    /// Appends the next lines, at most `Limits.statisticsPerTurnMax` groups of them. Returns whether there may be more.
    mutating func appendSlice(_ server: Administration.Server, to text: inout StatisticsText) -> Bool
}

extension SlicedStatistics {
    /// Has the next lines sent, with whether they are the last, if there is room for them.
    mutating func answer(
        _ server: Administration.Server, _ output: UnsafeMutablePointer<OutputBuffer>,
        _ send: (StatisticsText, _ isLast: Bool) -> Void
    ) -> AnswerProgress {
        if output.pointee.isFull { return .outputFull }
        var text = StatisticsText()
        let goesOn = appendSlice(server, to: &text)
        send(text, !goesOn)
        return goesOn ? .turnOver : .finished
    }
}

/// The answer to `stats` with such statistics.
struct StatisticsAnswer: LongAnswer {
    private var source: any SlicedStatistics

    init(_ source: any SlicedStatistics) { self.source = source }

    var needsConnection: Bool { false }

    mutating func appendLines(
        _ server: Administration.Server, _ output: UnsafeMutablePointer<OutputBuffer>
    ) -> AnswerProgress {
        source.answer(server, output) { text, isLast in
            var text = text
            if isLast { text.end() }
            Administration.send(text, output)
        }
    }
}

extension Administration {
    /// Those that these words behind `stats` ask for; nil if they ask for others, or cannot be had.
    static func slicedStatistics(_ words: [String], _ server: Server) -> (any SlicedStatistics)? {
        switch words.first {
        case "conns": return ConnectionStatistics(server)
        case "detail":
            guard server.pointee.settings.allowsDump, words.dropFirst().first == "dump" else { return nil }
            return PrefixStatistics()
        default: return nil
        }
    }
}
