import Synchronization

/// What clients ask for with `refresh_certs`: that the files of the certificates be read again, and to know what came of
/// it.
///
/// 1. The main thread reads; the worker that was asked goes on, and the asker alone waits. Files may be large, and any
///    client may ask.
/// 2. Readings are numbered. Whoever asks gets the number of the next one to begin, so however many ask while one is
///    under way, one more answers them all.
/// 3. After each reading all workers are woken, and those who wait look whether it was theirs.
struct CertificateReadings: ~Copyable {
    struct State {
        var wanted = 0
        var begun = 0
        var done = 0
        /// Why the last one has failed.
        var failure: String?
    }

    private let state = Mutex(State())

    /// Asks for a reading that begins from now on; returns its number. Any thread.
    borrowing func ask() -> Int {
        state.withLock {
            $0.wanted = $0.begun + 1
            return $0.wanted
        }
    }

    /// Whether a reading is asked for, which has begun with that. The main thread.
    borrowing func begin() -> Bool {
        state.withLock {
            guard $0.wanted > $0.begun else { return false }
            $0.begun += 1
            return true
        }
    }

    /// The reading has ended.
    borrowing func end(failure: String?) {
        state.withLock {
            $0.done = $0.begun
            $0.failure = failure
        }
    }

    var doneCount: Int { state.withLock { $0.done } }

    /// The answer to who was given this number: OK, or why the latest reading has failed; nil before there is one.
    borrowing func answer(to number: Int) -> String? {
        state.withLock { $0.done >= number ? $0.failure ?? "OK" : nil }
    }
}

/// The answer to `refresh_certs`.
struct CertificateAnswer: LongAnswer {
    private var number: Int?

    var needsConnection: Bool { true }

    mutating func appendLines(
        _ server: Administration.Server, _ output: UnsafeMutablePointer<OutputBuffer>
    ) -> AnswerProgress {
        let asked = number ?? server.askForCertificates()
        number = asked
        guard let tls = server.pointee.tls, let asked else { return .finished }
        guard let answer = tls.pointee.readings.answer(to: asked) else { return .awaited }
        Administration.send(StatisticsText(answer), output)
        return .finished
    }
}

extension UnsafeMutablePointer where Pointee == ServerContext {
    /// Asks the main thread to read the certificates; returns the number of the reading, nil without TLS. Any thread.
    func askForCertificates() -> Int? {
        guard let tls = pointee.tls else { return nil }
        defer { pointee.stopRequest.wakeMainLoop() }
        return tls.pointee.readings.ask()
    }

    /// Reads the certificates if somebody has asked for it. The main thread, when it was woken.
    func readAskedCertificates() {
        guard let tls = pointee.tls, tls.pointee.readings.begin() else { return }
        tls.pointee.readings.end(failure: refreshCertificates())
        for worker in pointee.workers { worker.pointee.wakeup.wake() }
    }
}
