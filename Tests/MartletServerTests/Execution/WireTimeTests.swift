import MartletServer
import Testing

@Suite("Times from the wire")
struct WireTimeTests {
    private let time = WireTime(wallOffset: 1_750_000_000)

    @Test("zero means never, a negative time has passed")
    func zeroAndNegative() {
        #expect(time.second(0, now: 50) == 0)
        #expect(time.second(-1, now: 50) == WireTime.past)
        #expect(time.second(.min, now: 50) == WireTime.past)
    }

    @Test("up to thirty days count from now")
    func relative() {
        #expect(time.second(1, now: 50) == 51)
        #expect(time.second(2_592_000, now: 50) == 2_592_050)
    }

    @Test("anything larger is a unix time")
    func absolute() {
        #expect(time.second(1_750_000_060, now: 50) == 60)
        #expect(time.second(1_750_000_040, now: 50) == 40)
        #expect(time.second(.max, now: 50) == UInt32(Int64(Int32.max) - 1_750_000_000))
    }

    @Test("a unix time before the start has passed")
    func beforeStart() {
        #expect(time.second(2_592_001, now: 50) == WireTime.past)
        #expect(time.second(1_749_999_999, now: 50) == WireTime.past)
        #expect(time.second(1_750_000_000, now: 50) == WireTime.past)
    }

    @Test("no time overflows, however late it is")
    func late() {
        #expect(time.second(2_592_000, now: .max) == .max)
        #expect(WireTime(wallOffset: -1 << 40).second(.max, now: 1) == .max)
    }
}
