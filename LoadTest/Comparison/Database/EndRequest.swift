import Dispatch
import Glibc
import LoadEngine
import Synchronization

/// The wish that the scenario ends early, from wherever it comes; everything that waits asks for it.
package final class EndRequest: Sendable {
    private let signal = Atomic<Int32>(0)
    private let news = DispatchSemaphore(value: 0)

    package init() {}

    /// The signal that asked for the end, 0 if none did.
    package var signalNumber: Int32 { signal.load(ordering: .relaxed) }

    package func request(signal number: Int32) {
        signal.store(number, ordering: .relaxed)
        news.signal()
    }

    /// Throws when the end was asked for.
    package func check() throws(LoadError) {
        guard signalNumber == 0 else {
            throw .circumstances("Stopped by signal \(signalNumber) (\(String(cString: strsignal(signalNumber)))).")
        }
    }

    /// Waits, but not longer than until the end is asked for: then it throws.
    package func sleep(nanoseconds: UInt64) throws(LoadError) {
        if news.wait(timeout: .now() + .nanoseconds(Int(min(nanoseconds, 1 << 60)))) == .success { news.signal() }
        try check()
    }

    /// From now on SIGINT, SIGTERM and SIGHUP ask for the end instead of making it. To be called by the main thread before
    /// it starts others, which inherit that these signals are not for them.
    package func watchSignals() {
        // Whoever reads the progress may go away without taking the database's tidying up with him.
        Glibc.signal(SIGPIPE, SIG_IGN)
        var watched = sigset_t()
        sigemptyset(&watched)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&watched, number) }
        pthread_sigmask(SIG_BLOCK, &watched, nil)
        let signals = watched
        ClientThread.start { [self] in
            var watched = signals
            var number: Int32 = 0
            while sigwait(&watched, &number) == 0 { request(signal: number) }
        }
    }
}
