import Glibc
import MartletEvent

/// What the main thread does while the server runs: accepts, moves the clock once a second, follows signals and the
/// order to stop. In raw memory, because its watchers point to it.
struct MainLoop: ~Copyable {
    /// Signals that end or reload the server.
    fileprivate struct Signals: ~Copyable {
        let interrupt: SignalWatcher
        let terminate: SignalWatcher
        let user: SignalWatcher
        let hangUp: SignalWatcher
    }

    fileprivate let server: UnsafeMutablePointer<ServerContext>
    // Before the loop, because fields end in the order of their declaration and these are attached to the loop.
    fileprivate let wakeup: LoopWakeup
    fileprivate let ticker: EventTimer
    fileprivate var signals: Signals?
    let loop: EventLoop
    /// Until which server second a graceful stop waits; 0 before one is asked for. And how many seconds it has waited:
    /// the clock may stand still. Wider than the clock's seconds, which may be at their end.
    fileprivate var deadline: UInt64 = 0
    fileprivate var waitedSeconds: UInt32 = 0
}

extension UnsafeMutablePointer where Pointee == MainLoop {
    /// nil when the system gives no descriptors.
    static func make(server: UnsafeMutablePointer<ServerContext>) -> Self? {
        guard let loop = EventLoop() else { return nil }
        let mainLoop = Self.allocate(capacity: 1)
        let wakeup = LoopWakeup(
            loop: loop,
            callback: { _, _, context in
                context.unsafelyUnwrapped.assumingMemoryBound(to: MainLoop.self).woken()
            }, context: mainLoop)
        guard let wakeup else {
            mainLoop.deallocate()
            return nil
        }
        let ticker = EventTimer(
            loop: loop, periodMilliseconds: 1000,
            callback: { _, _, context in
                context.unsafelyUnwrapped.assumingMemoryBound(to: MainLoop.self).secondHasPassed()
            }, context: mainLoop)
        server.pointee.stopRequest.setWakeDescriptor(wakeup.wakeDescriptor)
        mainLoop.initialize(to: MainLoop(server: server, wakeup: wakeup, ticker: ticker, signals: nil, loop: loop))
        return mainLoop
    }

    /// Follows SIGINT, SIGTERM (stop), SIGUSR1 (graceful stop) and SIGHUP, and ignores SIGPIPE. At most one server of a
    /// process may.
    func watchSignals() {
        signal(SIGPIPE, SIG_IGN)
        let callback: WatcherCallback = { number, _, context in
            context.unsafelyUnwrapped.assumingMemoryBound(to: MainLoop.self).follow(signal: number)
        }
        let signals = MainLoop.Signals(
            interrupt: SignalWatcher(loop: pointee.loop, signal: SIGINT, callback: callback, context: self),
            terminate: SignalWatcher(loop: pointee.loop, signal: SIGTERM, callback: callback, context: self),
            user: SignalWatcher(loop: pointee.loop, signal: SIGUSR1, callback: callback, context: self),
            hangUp: SignalWatcher(loop: pointee.loop, signal: SIGHUP, callback: callback, context: self))
        _ = signals.interrupt.start()
        _ = signals.terminate.start()
        _ = signals.user.start()
        _ = signals.hangUp.start()
        pointee.signals = consume signals
    }

    private func follow(signal: Int32) {
        switch signal {
        case SIGINT, SIGTERM:
            ServerLog.write("Signal handled: \(String(cString: strsignal(signal))).")
            pointee.server.pointee.stopRequest.ask(.immediate)
        case SIGUSR1:
            ServerLog.write("Gracefully stopping")
            pointee.server.pointee.stopRequest.ask(.graceful)
        default:
            pointee.server.reload()
        }
    }

    /// The wakeup's callback: `run` looks for orders, and here is what else may have been asked for.
    private func woken() {
        pointee.wakeup.acknowledge()
        pointee.server.readAskedCertificates()
    }

    fileprivate func secondHasPassed() {
        if pointee.deadline > 0 { pointee.waitedSeconds += 1 }
        pointee.server.tick()
        pointee.server.pointee.topology.look()
    }

    /// Runs until the server is to stop at once, or a graceful stop has waited for the last connection or long enough.
    func run(_ listener: UnsafeMutablePointer<Listener>) {
        listener.start()
        _ = pointee.ticker.start()
        let server = pointee.server
        var isListening = true
        while server.pointee.stopRequest.kind != .immediate {
            if server.pointee.stopRequest.kind == .graceful {
                if isListening {
                    server.pointee.stopNotice?()
                    pointee.deadline =
                        UInt64(server.pointee.clock.second) + UInt64(server.pointee.gracefulStopSecondsMax)
                    listener.stop()
                    isListening = false
                    for worker in server.pointee.workers { worker.pointee.give(.finish) }
                    server.pointee.observation.pointee.closeAll()
                }
                if server.pointee.connectionCount == 0 || hasWaited { break }
            }
            if pointee.loop.turn(waits: true) == .failed {
                ServerLog.write("cannot wait for events: \(ServerLog.reason(errno))")
                server.pointee.stopRequest.fail()
                break
            }
        }
        pointee.ticker.stop()
        if isListening {
            server.pointee.stopNotice?()
            listener.stop()
        }
    }

    /// Whether a graceful stop has waited long enough. The first of its seconds may have been a short one.
    private var hasWaited: Bool {
        UInt64(pointee.server.pointee.clock.second) >= pointee.deadline
            || pointee.waitedSeconds > pointee.server.pointee.gracefulStopSecondsMax
    }

    func destroy() {
        pointee.server.pointee.stopRequest.setWakeDescriptor(-1)
        deinitialize(count: 1)
        deallocate()
    }
}
