import StoreTesting
import Testing

/// Goal: answers do not depend on how the bytes were cut into packets.
/// Method: the logic alone runs every case again, its bytes cut at every position (short cases) or at random (all), by
/// seeds that are always the same.
@Suite("Split invariance")
struct SplitInvarianceTests {
    /// Up to this many sent bytes, a case is cut at every position.
    static let everyCutBytesMax = 400

    @Test("Bytes that come one at a time are answered the same", arguments: Transcript.names)
    func oneByOne(_ name: String) throws {
        let transcript = try Transcript(named: name)
        let target = try LogicTarget(options: transcript.options)

        for testCase in transcript.cases where testCase.applies(to: .martlet) && testCase.sentBytes <= 20_000 {
            let runner = TranscriptRunner(target: target, cuts: { Array(0..<$0) })
            let difference = try runner.run(testCase)
            #expect(difference == nil, "\(name), \(testCase.name)")
        }
    }

    @Test("Every single cut leaves the answers as they were", arguments: Transcript.names)
    func everyCut(_ name: String) throws {
        let transcript = try Transcript(named: name)
        let target = try LogicTarget(options: transcript.options)

        for testCase in transcript.cases
        where testCase.applies(to: .martlet) && testCase.longestSend <= Self.everyCutBytesMax {
            for cut in 1..<max(testCase.longestSend, 2) {
                let difference = try TranscriptRunner(target: target, cuts: { _ in [cut] }).run(testCase)
                #expect(difference == nil, "\(name), \(testCase.name), cut at \(cut)")
                if difference != nil { break }
            }
        }
    }

    @Test("Random cuts into three leave the answers as they were", arguments: Transcript.names)
    func randomCuts(_ name: String) throws {
        let transcript = try Transcript(named: name)
        let target = try LogicTarget(options: transcript.options)

        for testCase in transcript.cases where testCase.applies(to: .martlet) {
            for seed in 1...4 as ClosedRange<UInt64> {
                let difference = try run(testCase, target, seed: seed)
                #expect(difference == nil, "\(name), \(testCase.name), seed \(seed)")
                if difference != nil { break }
            }
        }
    }

    private func run(_ testCase: Transcript.Case, _ target: LogicTarget, seed: UInt64) throws -> String? {
        var generator = SplitMix(seed: seed)
        let runner = TranscriptRunner(
            target: target,
            cuts: { count in
                (0..<2).map { _ in Int.random(in: 0...count, using: &generator) }.sorted()
            })
        return try runner.run(testCase)
    }
}

extension Transcript.Case {
    /// Bytes of all that is sent, roughly: what is remembered counts as nothing.
    var sentBytes: Int { sends.reduce(0, +) }
    var longestSend: Int { sends.max() ?? 0 }

    private var sends: [Int] {
        steps.compactMap { step in
            guard case .send(let text) = step.action else { return nil }
            return text.parts.reduce(0) { sum, part in
                if case .bytes(let bytes) = part { sum + bytes.count } else { sum + 20 }
            }
        }
    }
}
