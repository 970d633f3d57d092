import Glibc
import Synchronization

/// Ctrl-C ends a run early instead of losing it: what was measured so far is reported. A second one ends the process.
package enum Interruption {
    private static let wanted = Atomic<Bool>(false)

    /// Whether the user asked for the end. Any thread.
    package static var isWanted: Bool { wanted.load(ordering: .relaxed) }

    /// From now on SIGINT and SIGTERM end the run that is under way. Once, from the main thread, before any run.
    package static func catchSignals() {
        // Made here, not in the signal's action.
        wanted.store(false, ordering: .relaxed)
        for number in [SIGINT, SIGTERM] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { _ in Interruption.wanted.store(true, ordering: .relaxed) }
            // The second one has its usual effect.
            action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
            sigaction(number, &action, nil)
        }
        release([SIGINT, SIGTERM])
    }

    /// Lets signals through that whoever started this program may have held back; that is inherited.
    package static func release(_ numbers: [Int32]) {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in numbers { sigaddset(&signals, number) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
}
