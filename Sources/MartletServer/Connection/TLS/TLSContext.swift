import Synchronization

/// The certificates that new sessions begin with, for all threads of a server.
///
/// 1. Reading the files makes a whole new set of certificates, keys and rules; only when nothing is wrong with any of
///    them does it replace the one before.
/// 2. Sessions keep the set they began with: no connection notices.
/// 3. A new set resumes no session of the one before, so that nobody enters with a certificate that is no longer
///    trusted.
package struct TLSContext: ~Copyable {
    private let settings: TLSSettings
    private let certificates: Mutex<TLSCertificates>
    private let calls: TLSCalls
    private let refreshSecond: Atomic<UInt32>
    let readings = CertificateReadings()

    /// Reads the files.
    package init(_ settings: TLSSettings, syscalls: Syscalls, now: UInt32) throws(TLSFailure) {
        self.settings = settings
        certificates = Mutex(try TLSCertificates(settings))
        calls = TLSCalls(syscalls)
        refreshSecond = Atomic(now)
    }

    deinit { calls.free() }

    /// Server second in which the certificates of now were read.
    package var lastRefresh: UInt32 { refreshSecond.load(ordering: .relaxed) }

    /// Reads the files again; after an error everything stays as it was. Any thread.
    package borrowing func refresh(now: UInt32) throws(TLSFailure) {
        let fresh = try TLSCertificates(settings)
        certificates.withLock { $0 = fresh }
        refreshSecond.store(now, ordering: .relaxed)
    }

    /// Only finds out what is wrong with the files.
    static func check(_ settings: TLSSettings) throws(StartError) {
        do {
            _ = try TLSCertificates(settings)
        } catch {
            throw StartError(error)
        }
    }

    /// What the clock said when the files were read was not yet what it says from here on.
    borrowing func setLastRefresh(_ now: UInt32) { refreshSecond.store(now, ordering: .relaxed) }

    /// A session for a socket accepted by such a listener; nil when memory is short. The socket must outlive it, and so
    /// must this context. Any thread.
    borrowing func session(_ descriptor: Int32, _ security: ListenerSecurity) -> TLSSession? {
        certificates.withLock { $0 }
            .session(descriptor, verify: security.verifyMode(settings), calls: calls)
    }
}

extension UnsafeMutablePointer where Pointee == TLSContext {
    /// nil without `-Z`.
    static func make(_ settings: ServerSettings, syscalls: Syscalls, now: UInt32) throws(StartError) -> Self? {
        guard settings.tls.isEnabled else { return nil }
        let context: TLSContext
        do {
            context = try TLSContext(settings.tls, syscalls: syscalls, now: now)
        } catch {
            throw StartError(error)
        }
        let place = Self.allocate(capacity: 1)
        place.initialize(to: context)
        return place
    }
}

extension UnsafeMutablePointer where Pointee == ServerContext {
    /// Reads the certificates again, if there are any. Returns why that failed, in which case those of before stay. The
    /// main thread: large files take it a while, and no worker may wait for them.
    func refreshCertificates() -> String? {
        guard let tls = pointee.tls else { return nil }
        do {
            try tls.pointee.refresh(now: pointee.clock.second)
            return nil
        } catch {
            return error.message
        }
    }
}

extension StartError {
    fileprivate init(_ failure: TLSFailure) { self.init(failure.message, status: ExitStatus.usage) }
}
