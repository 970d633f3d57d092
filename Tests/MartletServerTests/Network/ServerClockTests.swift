import MartletServer
import Testing

@Suite("The server's clock")
struct ServerClockTests {
    @Test("starts above the seconds that mean something else")
    func startsAboveReserved() {
        let clock = ServerClock()

        #expect(clock.second == ServerClock.firstSecond)
        #expect(clock.second >= 2)
        #expect(clock.uptime == 0)
    }

    @Test("moves by hand, together with its wall time")
    func movesByHand() {
        let clock = ServerClock(manualWithWall: 1_800_000_000)
        #expect(clock.wall == 1_800_000_000)

        clock.advance(seconds: 90)
        clock.tick()

        #expect(clock.second == ServerClock.firstSecond + 90)
        #expect(clock.uptime == 90)
        #expect(clock.wall == 1_800_000_090)
        #expect(clock.wall(of: ServerClock.firstSecond) == 1_800_000_000)
    }

    @Test(
        "turns with the wall clock's seconds, wherever the monotonic one's begin",
        arguments: [Int64(0), 1, 400_000_000, 999_999_999])
    func turnsWithTheWall(_ monotonicPart: Int64) {
        let second: Int64 = 1_000_000_000
        let begun = 7 * second + monotonicPart
        let clock = ServerClock(wallNanoseconds: 1_800_000_000 * second + second / 4, monotonicNanoseconds: begun)
        #expect(clock.wall == 1_800_000_000)

        clock.catchUp(atNanoseconds: begun + second * 3 / 4 - 1)
        #expect(clock.wall == 1_800_000_000)
        clock.catchUp(atNanoseconds: begun + second * 3 / 4)
        #expect(clock.wall == 1_800_000_001)
        clock.catchUp(atNanoseconds: begun + second * 7 / 4 - 1)
        #expect(clock.wall == 1_800_000_001)
    }

    @Test("stops at the end of its range instead of beginning again")
    func staysAtTheEnd() {
        let clock = ServerClock(manualWithWall: 0)

        for _ in 0..<3 { clock.advance(seconds: .max) }
        let running = clock.second
        clock.setPaused(true)
        clock.advance(seconds: .max)
        clock.setPaused(false)

        #expect(running == ServerClock.lastSecond && clock.second == ServerClock.lastSecond)
        #expect(ServerClock.lastSecond < UInt32.max / 2)
    }

    @Test("comes to the end of its range from where it stands still, too")
    func staysAtTheEndPaused() {
        let clock = ServerClock(manualWithWall: 0)

        clock.setPaused(true)
        for _ in 0..<3 { clock.advance(seconds: .max - 1) }

        #expect(clock.second == ServerClock.lastSecond)
    }

    @Test("goes on where another has come to by now, or refuses where that would be before it")
    func goesOn() {
        let first = ServerClock(manualWithWall: 1_800_000_000)
        first.advance(seconds: 500)
        let (zero, second) = (first.wallMillisecondsAtZero, first.second)
        var later = ServerClock(manualWithWall: 1_800_000_700)
        var tooEarly = ServerClock(manualWithWall: 1_800_000_499)
        var tooLate = ServerClock(manualWithWall: 1_800_000_000 + 1 << 32)

        let goesOn = later.goOn(from: zero, at: second)
        #expect(goesOn)
        #expect(later.second == ServerClock.firstSecond + 700)
        #expect(later.wall == 1_800_000_700)
        #expect(later.wallOffset == first.wallOffset)
        #expect(later.wallMillisecondsAtZero == zero)
        #expect(later.uptime == 0)
        later.advance(seconds: 5)
        #expect(later.second == ServerClock.firstSecond + 705)
        let refused = [
            tooEarly.goOn(from: zero, at: second), tooLate.goOn(from: zero, at: second),
            tooLate.goOn(from: .min, at: second), tooLate.goOn(from: .max, at: second),
        ]
        #expect(refused == [false, false, false, false])
        #expect(tooEarly.second == ServerClock.firstSecond)
        #expect(tooEarly.wall == 1_800_000_499)
    }

    @Test("counts the seconds of another that ran on this machine to the second")
    func goesOnExactly() {
        var isExact = false
        for _ in 0..<20 {
            let began = ContinuousClock.now
            isExact = Self.goesOnToTheSecond()
            // Again where the machine has stood still between two readings of its clocks.
            if isExact || ContinuousClock.now - began < .milliseconds(50) { break }
        }
        #expect(isExact)
    }

    private static func goesOnToTheSecond() -> Bool {
        let first = ServerClock()
        first.advance(seconds: 1000)
        var next = ServerClock()

        guard next.goOn(from: first.wallMillisecondsAtZero, at: first.second) else { return false }
        first.tick()
        next.tick()
        return (next.second == first.second || next.second == first.second + 1)
            && abs(next.wallMillisecondsAtZero - first.wallMillisecondsAtZero) < 100
    }
}
