import Glibc

/// The signals that stop the server, held back while it starts: one that comes between the opening of the sockets and
/// the main loop's readiness waits, and then stops the server in order instead of killing it with its files left
/// behind.
///
/// Threads inherit the calling thread's mask: workers started while the signals are held never take them.
package enum StopSignals {
    /// Called by the main thread before the server starts.
    package static func hold() {
        change(SIG_BLOCK)
    }

    /// Called by the main thread once its loop watches them.
    static func release() {
        change(SIG_UNBLOCK)
    }

    private static func change(_ how: Int32) {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGUSR1, SIGHUP] { sigaddset(&signals, signal) }
        pthread_sigmask(how, &signals, nil)
    }
}
