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

    @Test("stops at the end of its range instead of beginning again")
    func staysAtTheEnd() {
        let clock = ServerClock(manualWithWall: 0)

        clock.advance(seconds: .max)
        clock.advance(seconds: .max)

        #expect(clock.second == .max)
    }
}
