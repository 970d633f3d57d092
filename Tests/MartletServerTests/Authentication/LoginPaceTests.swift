import MartletServer
import ServerTesting
import Testing

@Suite("Passwords tried out from one address")
struct LoginPaceTests {
    private static let burst = Int(Limits.loginDebtSecondsMax)

    @Test("are a burst and then one a second, over all its connections")
    func pace() {
        let pace = LoginPace(isNeeded: true)

        let first = (0..<burstAndMore).filter { _ in pace.begin(7, at: 1000) }
        let later = (0..<burstAndMore).filter { _ in pace.begin(7, at: 1003) }
        let muchLater = (0..<burstAndMore).filter { _ in pace.begin(7, at: 5000) }

        #expect(first.count == Self.burst)
        #expect(later.count == 3)
        #expect(muchLater.count == Self.burst)
    }

    @Test("are counted and forgiven up to the last second there is", arguments: [UInt32.max - 1, .max])
    func lastSecond(_ now: UInt32) {
        let pace = LoginPace(isNeeded: true)

        let begun = (0..<burstAndMore).filter { _ in
            let mayTry = pace.begin(7, at: now)
            if mayTry { pace.forgive(7) }
            return mayTry
        }

        #expect(begun.count == burstAndMore)
    }

    private var burstAndMore: Int { Self.burst + 20 }

    @Test("do not count when they were right, nor over a Unix socket, nor where nobody has to log in")
    func uncounted() {
        let pace = LoginPace(isNeeded: true)
        let none = LoginPace(isNeeded: false)

        let right = (0..<1000).filter { _ in
            let mayTry = pace.begin(7, at: 1000)
            if mayTry { pace.forgive(7) }
            return mayTry
        }
        let local = (0..<1000).filter { _ in pace.begin(nil, at: 1000) }
        let open = (0..<1000).filter { _ in none.begin(7, at: 1000) }

        #expect(right.count == 1000 && local.count == 1000 && open.count == 1000)
    }

    /// Each connection has eight tries; so one beyond the burst is needed to see anything wait.
    @Test("wait over sockets, unchecked, until their second has come, and hold up nobody who is logged in")
    func sockets() throws {
        let file = try TemporaryFile("ann:secret\n")
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_000_000)) {
            $0.threadCount = 2
            $0.protocolName = "ascii"
            $0.authFilePath = file.path
        }
        defer { server.stop() }
        let (wrong, right) = ("set a 0 0 9\r\nann wrong\r\n", "set a 0 0 10\r\nann secret\r\n")
        let refusal = "CLIENT_ERROR authentication failure\r\n"
        let inside = try server.client()
        #expect(try inside.exchange(right, "STORED\r\n"))
        for _ in 0..<Self.burst / Limits.loginFailuresMax {
            let tries = try server.client()
            for _ in 0..<Limits.loginFailuresMax { #expect(try tries.exchange(wrong, refusal)) }
        }

        let before = server.sum { $0.bytesRead.value }
        let (late, rightButLate) = (try server.client(), try server.client())
        try late.send(wrong)
        try rightButLate.send(right)
        let sent = UInt64(wrong.utf8.count + right.utf8.count)
        #expect(eventually { server.sum { $0.bytesRead.value } == before + sent })
        #expect(try inside.exchange("mn\r\n", "MN\r\n"))
        #expect(server.sumCommands { $0.loginFailures.value } == UInt64(Self.burst))

        server.context.pointee.clock.advance(seconds: 2)
        server.server.tick()

        #expect(try late.exchange("", refusal))
        #expect(try rightButLate.exchange("", "STORED\r\n"))
    }
}

extension TestServer {
    fileprivate func sumCommands(_ counter: (borrowing CommandCounters) -> UInt64) -> UInt64 {
        context.pointee.workerCounters.reduce(0) { $0 + counter($1.pointee.commands) }
    }
}
