import Glibc
import LoadEngine
import Synchronization

/// The wish that the scenario ends early: a signal's, where `StopSignal` listens, or its owner's. Everything that waits
/// asks for it.
package final class EndRequest: Sendable {
    private let signal = Atomic<Int32>(0)

    package init() {}

    /// The signal that asked for the end, 0 if none did; known once `check` or `sleep` has thrown.
    package var signalNumber: Int32 { signal.load(ordering: .relaxed) }

    /// Asks for the end as if this signal had come.
    package func request(signal number: Int32) { signal.store(number, ordering: .relaxed) }

    /// Throws when the end was asked for.
    package func check() throws(LoadError) { try guarded(StopSignal.check) }

    /// Waits, but not longer than until a signal comes: then it throws. The owner's wish is seen before and after.
    package func sleep(nanoseconds: UInt64) throws(LoadError) {
        try check()
        try guarded { () throws(ComparisonError) in try StopSignal.wait(seconds: Double(nanoseconds) / 1e9) }
        try check()
    }

    private func guarded(_ body: () throws(ComparisonError) -> Void) throws(LoadError) {
        do throws(ComparisonError) {
            try body()
        } catch {
            guard case .interrupted(let number) = error.cause else { throw LoadError(error) }
            request(signal: number)
        }
        guard signalNumber == 0 else {
            throw .circumstances("Stopped by signal \(signalNumber) (\(String(cString: strsignal(signalNumber)))).")
        }
    }
}

extension LoadError {
    /// The same sentence.
    init(_ error: ComparisonError) {
        if case .usage = error.cause {
            self = .usage(error.description)
        } else {
            self = .circumstances(error.description)
        }
    }
}
