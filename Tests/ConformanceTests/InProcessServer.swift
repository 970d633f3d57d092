import ExecutionTesting
import Glibc
import MartletServer

/// A server in the test's own process, on a Unix socket of its own, ended when dropped. Its clock only moves by hand.
final class InProcessServer {
    let address: SocketTarget.Address
    private let server: Server
    private let runner: pthread_t
    private let path: String

    init(options: [String]) throws {
        var settings = try ConformanceSettings.parse(options + ["-o", "relaxed_privileges", "-t", "2"])
        path = "/tmp/martlet-conformance.\(getpid()).\(UInt64.random(in: 0 ... .max))"
        settings.unixSocketPath = path
        server = try Server(
            settings: settings, clock: ServerClock(manualWithWall: LogicServer.wallSeconds))
        try server.start()
        address = .path(path)
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Server>.fromOpaque(context.unsafelyUnwrapped).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(server).toOpaque())
        precondition(result == 0)
        runner = thread
    }

    deinit {
        server.stop()
        pthread_join(runner, nil)
        unlink(path)
    }
}
