import LoadEngine
import Testing

/// What a run says about itself when its figures are the driver's rather than the server's.
@Suite("Doubts about a run")
struct RunDoubtsTests {
    /// A run of a thousand requests that took a millisecond, as far as nothing else is said.
    private static func result(busy: Double = 0.5, slip: UInt64 = 0, response: UInt64 = 1_000_000) -> RunResult {
        var result = RunResult(label: "a run")
        result.counts.requests = 1000
        result.driver.busyFraction = busy
        result.response.record(response, count: 1000)
        // Two in a hundred left late.
        result.slip.record(0, count: 980)
        result.slip.record(slip, count: 20)
        return result
    }

    @Test("There are none where the driver had time to spare and was punctual")
    func none() {
        #expect(RunDoubts(Self.result(), isOpenLoop: false).sentences.isEmpty)
        #expect(RunDoubts(Self.result(), isOpenLoop: true).sentences.isEmpty)
    }

    @Test("A driver thread that was busy for more than nine tenths of the time is told, in both loops")
    func busy() {
        #expect(RunDoubts(Self.result(busy: 0.9), isOpenLoop: false).sentences.isEmpty)
        for isOpenLoop in [false, true] {
            let sentences = RunDoubts(Self.result(busy: 0.93), isOpenLoop: isOpenLoop).sentences

            #expect(sentences.count == 1)
            #expect(sentences[0].contains("busy 93 %"))
        }
    }

    @Test("In an open loop a driver that left late is told, if the response times are of that size")
    func late() {
        let late = Self.result(slip: 400_000)

        #expect(RunDoubts(late, isOpenLoop: true).sentences.count == 1)
        #expect(RunDoubts(late, isOpenLoop: true).sentences[0].contains("late"))
        // In a closed loop nothing is due.
        #expect(RunDoubts(late, isOpenLoop: false).sentences.isEmpty)
        // Less than a quarter of what 99 % of the responses took, or hardly anything at all.
        #expect(RunDoubts(Self.result(slip: 400_000, response: 2_000_000), isOpenLoop: true).sentences.isEmpty)
        #expect(RunDoubts(Self.result(slip: 90_000, response: 100_000), isOpenLoop: true).sentences.isEmpty)
    }

    @Test("A run without answers is told")
    func silence() {
        var silent = Self.result()
        silent.counts.requests = 0

        #expect(RunDoubts(silent, isOpenLoop: false).sentences == ["No request was answered."])
    }
}
