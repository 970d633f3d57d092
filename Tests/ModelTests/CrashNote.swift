import Glibc

/// Says on standard error which seed and step were under way when the process dies: a trap cannot be caught, so neither
/// can its sequence be shrunk.
enum CrashNote {
    private static let signals = [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS]

    // Written by the one thread that runs seeds; read by the handler of a trap on whatever thread.
    private nonisolated(unsafe) static var seed: UInt64 = 0
    nonisolated(unsafe) static var step = 0
    // Written before the handlers are installed.
    private nonisolated(unsafe) static var previous: [sigaction] = []

    static func begin(seed: UInt64) {
        self.seed = seed
        if !previous.isEmpty { return }
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in CrashNote.write() }
        previous = signals.map { signal in
            var before = sigaction()
            sigaction(signal, nil, &before)
            return before
        }
        for signal in signals { sigaction(signal, &action, nil) }
    }

    static func end() {
        for (signal, before) in zip(signals, previous) {
            var before = before
            sigaction(signal, &before, nil)
        }
        previous = []
    }

    /// Then the trap is met again, with the handler that was there before.
    private static func write() {
        put("\nThe store trapped. MARTLET_MODEL_SEED=")
        put(seed)
        put(", step ")
        put(UInt64(step))
        put("\n")
        end()
    }

    private static func put(_ text: StaticString) {
        _ = Glibc.write(2, text.utf8Start, text.utf8CodeUnitCount)
    }

    private static func put(_ number: UInt64) {
        if number >= 10 { put(number / 10) }
        var digit = UInt8(0x30 + number % 10)
        _ = Glibc.write(2, &digit, 1)
    }
}
