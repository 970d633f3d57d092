import LoadEngine

/// A row of batches, each given to both servers.
package struct DifferenceRun {
    package struct Settings: Sendable {
        package var seed: UInt64
        package var commandCount: Int
        /// Differences without a reason after which it ends.
        package var findingsMax: Int
        /// How many of the allowed ones are kept for each reason.
        package var samplesMax: Int

        package init(seed: UInt64, commandCount: Int, findingsMax: Int = 20, samplesMax: Int = 0) {
            self.seed = seed
            self.commandCount = commandCount
            self.findingsMax = findingsMax
            self.samplesMax = samplesMax
        }
    }

    package struct Result: Sendable {
        package var commandCount = 0
        /// Commands whose answers were compared; behind a difference the rest of its batch is not.
        package var comparedCount = 0
        package var allowed: [String: Int] = [:]
        /// The first few of each reason.
        package var samples: [String: [AllowedDifference.Finding]] = [:]
        package var findings: [AllowedDifference.Finding] = []
    }

    private let expected: (ProbeBatch) throws(LoadError) -> AnswerRow
    private let found: (ProbeBatch) throws(LoadError) -> AnswerRow

    /// - Parameters:
    ///   - expected: how the server answers that is taken for right.
    ///   - found: how the other one does.
    package init(
        expected: @escaping (ProbeBatch) throws(LoadError) -> AnswerRow,
        found: @escaping (ProbeBatch) throws(LoadError) -> AnswerRow
    ) {
        self.expected = expected
        self.found = found
    }

    /// `progress` is called every now and then.
    package func run(_ settings: Settings, progress: (Result) -> Void = { _ in }) throws(LoadError) -> Result {
        var source = ProbeSource(seed: settings.seed)
        var result = Result()
        var history = History()
        while result.commandCount < settings.commandCount, result.findings.count < settings.findingsMax {
            let batch = source.nextBatch()
            let (one, other) = (try expected(batch), try found(batch))
            result.commandCount += batch.probes.count
            if var finding = compare(batch, one, other, &result) {
                finding.earlier = history.of(finding, in: batch)
                finding.epoch = history.all(until: batch)
                if let allowed = AllowedDifference.allowing(finding) {
                    result.allowed[allowed.sentence, default: 0] += 1
                    if result.samples[allowed.sentence, default: []].count < settings.samplesMax {
                        result.samples[allowed.sentence, default: []].append(finding)
                    }
                } else {
                    result.findings.append(finding)
                }
                history = History()
                // What is stored may differ from here on.
                source.beginEpoch()
            } else if one.answers.last?.last != batch.probes.count - 1 {
                // What came of the commands behind the last answer is not known.
                history = History()
                source.beginEpoch()
            } else {
                history.add(batch)
            }
            if result.commandCount % (ProbeSource.batchCount * 2048) == 0 { progress(result) }
        }
        return result
    }

    /// The first difference of a batch.
    private func compare(
        _ batch: ProbeBatch, _ one: AnswerRow, _ other: AnswerRow, _ result: inout Result
    ) -> AllowedDifference.Finding? {
        for index in 0..<max(one.answers.count, other.answers.count) {
            guard index < one.answers.count, index < other.answers.count else {
                let first = (index < one.answers.count ? one : other).answers[index].first
                return finding(batch, from: first, one, other, index)
            }
            let (answer, counterpart) = (one.answers[index], other.answers[index])
            guard answer.first == counterpart.first, answer.last == counterpart.last,
                AnswerComparison.areSame(answer.bytes, counterpart.bytes)
            else { return finding(batch, from: answer.first, one, other, index) }
            result.comparedCount += answer.last - answer.first + 1
        }
        if AnswerComparison.areSame(one.rest, other.rest), one.isClosed == other.isClosed { return nil }
        return finding(batch, from: (one.answers.last?.last ?? -1) + 1, one, other, one.answers.count)
    }

    private func finding(
        _ batch: ProbeBatch, from first: Int, _ one: AnswerRow, _ other: AnswerRow, _ index: Int
    ) -> AllowedDifference.Finding {
        let last = max(
            index < one.answers.count ? one.answers[index].last : batch.probes.count - 1,
            index < other.answers.count ? other.answers[index].last : batch.probes.count - 1)
        var finding = AllowedDifference.Finding(
            commands: batch.probes[first...max(first, last)].map { Self.text($0.bytes) },
            expected: Self.text(index < one.answers.count ? one.answers[index].bytes : one.rest),
            found: Self.text(index < other.answers.count ? other.answers[index].bytes : other.rest),
            expectedCloses: index >= one.answers.count && one.isClosed,
            foundCloses: index >= other.answers.count && other.isClosed)
        finding.isCutShort =
            one.isClosed && other.isClosed && index >= one.answers.count
            && (finding.found.hasPrefix(finding.expected)
                || AnswerComparison.areSame(Array(finding.expected.utf8), Array(finding.found.utf8)))
            && (other.answers.last?.last ?? -1) < batch.probes.count - 1
        return finding
    }

    static func text(_ bytes: [UInt8]) -> String {
        String(String.UnicodeScalarView(bytes.map { UnicodeScalar($0) }))
    }
}

/// The latest commands about each key.
private struct History {
    private static let countMax = 10
    private static let bytesMax = 200
    private var commands: [Substring: [String]] = [:]
    private var batches: [ProbeBatch] = []

    /// Everything asked since the epoch began, `batch` included.
    func all(until batch: ProbeBatch) -> [String] {
        (batches + [batch]).flatMap { $0.probes.map { DifferenceRun.text($0.bytes) } }
    }

    mutating func add(_ batch: ProbeBatch) {
        batches.append(batch)
        for probe in batch.probes { add(DifferenceRun.text(Array(probe.bytes.prefix(Self.bytesMax)))) }
    }

    private mutating func add(_ command: String) {
        guard let key = Self.key(command) else { return }
        var latest = commands[key] ?? []
        if latest.count == Self.countMax { latest.removeFirst() }
        latest.append(command)
        commands[key] = latest
    }

    /// Those before the finding, which is in `batch`.
    func of(_ finding: AllowedDifference.Finding, in batch: ProbeBatch) -> [String] {
        var all = self
        for probe in batch.probes {
            let text = DifferenceRun.text(probe.bytes)
            if text == finding.commands.first { break }
            all.add(String(text.prefix(Self.bytesMax)))
        }
        let words = finding.merged.flatMap { $0.words.dropFirst() }
        var seen: Set<Substring> = []
        return words.filter { seen.insert($0).inserted }.flatMap { all.commands[$0] ?? [] }
    }

    private static func key(_ command: String) -> Substring? {
        let words = command.split { $0 == " " || $0.isNewline }
        return words.count > 1 ? words[1] : nil
    }
}
