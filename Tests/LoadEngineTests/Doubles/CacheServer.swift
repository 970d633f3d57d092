import Glibc
import LoadEngine
import MartletServer

/// A real server in the test's own process, on a port or Unix socket of its own, ended when dropped.
final class CacheServer {
    let address: ServerAddress
    private let server: Server
    private let runner: pthread_t
    private var path: String?

    init(onUnixSocket: Bool = false, memoryBytes: Int? = nil) throws {
        var settings = ServerSettings()
        settings.tcpPort = -1
        settings.listenAddresses = ["127.0.0.1"]
        settings.threadCount = 1
        if let memoryBytes { settings.memoryBytes = memoryBytes }
        if onUnixSocket {
            path = "/tmp/martlet-load-test.\(getpid()).\(UInt32.random(in: 0 ... .max))"
            settings.unixSocketPath = path
        }
        server = try Server(settings: settings)
        try server.start()
        address = path.map { ServerAddress(.path($0)) } ?? ServerAddress(.host("127.0.0.1", port: server.tcpPort ?? 0))
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
        if let path { unlink(path) }
    }
}
