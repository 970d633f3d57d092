import Glibc

/// The signals that stop the server, held back while it starts and while it ends: one that comes before the main loop is
/// ready waits, and then stops the server in order instead of killing it with its files left behind, or with a saved
/// cache taken up and not handed on.
///
/// Threads inherit the calling thread's mask: workers started while the signals are held never take them.
package enum StopSignals {
    /// Called by the main thread before the server is made, and again when its loop no longer watches them.
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
