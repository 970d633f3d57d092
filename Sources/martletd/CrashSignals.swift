import Glibc

/// The signals that a crash ends with, or somebody who wants the process to end as if it had crashed.
enum CrashSignals {
    /// Lets them end the process at once, as they do without a handler.
    ///
    /// The Swift runtime's handler has another program look at the process, where it finds one, and write to stderr what
    /// registers point to, which may be keys and values. Behind a signal that somebody has sent, such as a supervisor's
    /// SIGABRT, the process would then go on. Who has set `SWIFT_BACKTRACE` wants that; a signal that is ignored stays so.
    static func giveBack() {
        guard getenv("SWIFT_BACKTRACE") == nil else { return }
        for number in [SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP] where !isIgnored(number) {
            signal(number, SIG_DFL)
        }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return withUnsafeBytes(of: action.__sigaction_handler.sa_handler) { found in
            withUnsafeBytes(of: SIG_IGN) { found.elementsEqual($0) }
        }
    }
}
