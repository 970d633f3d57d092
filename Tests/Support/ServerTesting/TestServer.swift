import Glibc
import MartletServer

/// A server in the test's own process, on a port or path of its own, ended by `stop` or when dropped.
package final class TestServer {
    package let server: Server
    package let port: UInt16
    /// Set for a server on a Unix socket.
    package let path: String?
    private let runner: pthread_t
    private var isRunning = true

    /// Some tests have two thousand descriptors, and run beside others; usual are a thousand, of half a million that may
    /// be asked for. As `martletd` does it.
    private static let hasManyDescriptors: Bool = {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return false }
        limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 20_000))
        return setrlimit(resource, &limit) == 0
    }()

    /// Starts a server on an ephemeral port, or on a Unix socket when `change` names one. `prepare` is called before it
    /// has any thread.
    package init(
        syscalls: Syscalls = .system, clock: consuming ServerClock = ServerClock(),
        _ change: (inout ServerSettings) -> Void = { _ in }, prepare: (Server) -> Void = { _ in }
    ) throws {
        _ = Self.hasManyDescriptors
        var settings = ServerSettings()
        settings.tcpPort = -1
        settings.listenAddresses = ["127.0.0.1"]
        settings.threadCount = 2
        change(&settings)
        server = try Server(settings: settings, clock: clock, syscalls: syscalls)
        prepare(server)
        try server.start()
        port = server.tcpPort ?? 0
        path = settings.unixSocketPath
        var thread = pthread_t()
        let context = Unmanaged.passRetained(server).toOpaque()
        let result = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Server>.fromOpaque(context.unsafelyUnwrapped).takeRetainedValue().run()
                return nil
            }, context)
        precondition(result == 0)
        runner = thread
    }

    deinit { stop() }

    package var context: UnsafeMutablePointer<ServerContext> { server.context }

    /// Stops and waits until every thread has ended.
    package func stop(_ kind: StopRequest.Kind = .immediate) {
        guard isRunning else { return }
        isRunning = false
        server.stop(kind)
        pthread_join(runner, nil)
    }

    /// One worker behind a Unix socket in a fresh place.
    package static func onUnixSocket(_ change: (inout ServerSettings) -> Void = { _ in }) throws -> TestServer {
        try TestServer {
            $0.unixSocketPath = freshSocketPath()
            $0.threadCount = 1
            change(&$0)
        }
    }

    package static func freshSocketPath() -> String {
        "/tmp/martlet-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    }

    package func client() throws -> TestClient {
        if let path { return try TestClient(path: path) }
        return try TestClient(port: port)
    }

    /// Sum of one counter over the workers.
    package func sum(_ counter: (borrowing NetworkCounters) -> UInt64) -> UInt64 {
        context.pointee.workerCounters.reduce(0) { $0 + counter($1.pointee.network) }
    }
}

/// Waits, for at most a minute, until `condition` holds; for what other threads do and no event tells. Longer where it
/// could not look often: on a machine that stood still, or for a condition that takes its time.
package func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    var tries = 0
    while tries < 100 || ContinuousClock.now < end {
        if try condition() { return true }
        tries += 1
        usleep(1000)
    }
    return false
}
