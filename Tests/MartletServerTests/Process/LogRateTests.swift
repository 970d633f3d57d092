import MartletServer
import ServerTesting
import Testing

@Suite("Lines in the log that clients bring about")
struct LogRateTests {
    @Test("are so many a second, and those left out are counted once")
    func bound() {
        let rate = LogRate(linesMax: 3)

        let first = (0..<10).map { _ in rate.admit(at: 7).isAdmitted }
        let next = rate.admit(at: 8)
        let again = rate.takeLeftOut(at: 9)

        #expect(first == [true, true, true] + [Bool](repeating: false, count: 7))
        #expect(next.isAdmitted && next.leftOut == 7)
        #expect(again == 0)
    }

    @Test("are no more for a worker that learns of the second late")
    func late() {
        let rate = LogRate(linesMax: 2)

        let admitted = (0..<20).filter { rate.admit(at: $0 % 2 == 0 ? 100 : 99).isAdmitted }

        #expect(admitted.count == 2)
    }

    @Test("are told to be left out when the second is over, without another line")
    func ticked() {
        let rate = LogRate(linesMax: 1)
        for _ in 0..<5 { _ = rate.admit(at: 1) }

        let (during, after) = (rate.takeLeftOut(at: 1), rate.takeLeftOut(at: 2))

        #expect(during == 0 && after == 4)
    }

    @Test("are so many bytes a second, be they few lines, and those left out are counted")
    func bytes() {
        let rate = LogRate(linesMax: 100, bytesMax: 300)

        let first = (0..<10).filter { _ in
            let isAdmitted = rate.admit(at: 7).isAdmitted
            if isAdmitted { rate.spend(bytes: 150, at: 7) }
            return isAdmitted
        }
        let next = rate.admit(at: 8)

        #expect(first.count == 2)
        #expect(next.isAdmitted && next.leftOut == 8)
    }

    @Test("are composed only if they are written, at each of both levels")
    func composed() {
        let log = ServerLog(verbosity: 2, linesMax: 2, verboseLinesMax: 4)
        var (plain, verbose) = (0, 0)

        for _ in 0..<50 {
            log.note(1, at: 5, Self.text("refused, of the test's", &plain))
            log.note(2, at: 5, Self.text("command, of the test's", &verbose))
        }

        #expect(plain == 2 && verbose == 4)
    }

    private static func text(_ text: String, _ count: inout Int) -> String {
        count += 1
        return text
    }

    @Test("of one server are bounded whichever connection they come from")
    func connections() throws {
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.connectionsMax = 1
            $0.verbosity = 1
        }
        let only = try server.client()
        #expect(try only.exchange("mn\r\n", "MN\r\n"))

        for _ in 0..<30 { #expect(try !server.client().receiveAll().isEmpty) }

        // What the standard error of this run shows of them is ten.
        #expect(server.context.pointee.listenerCounters.rejected.value == 30)
        #expect(eventually { server.context.pointee.log.boundedLines == 30 })
    }
}
