import Configuration
import Hummingbird
import Logging
import MartletClient
import MartletClientServices
import Notes

/// A web service with SQLite behind the cache, set up by its environment:
///
/// | variable | value |
/// | --- | --- |
/// | `CACHE_SERVERS` | `host:port:weight,...`; 127.0.0.1:11211 if not set |
/// | `CACHE_DISTRIBUTION`, `CACHE_OPERATION_TIMEOUT_MILLISECONDS`, ... | as `CacheConfiguration(reading:)` says |
/// | `CACHE_ETCD`, `CACHE_POOL` | etcd's endpoints, `host:port,...`, and the pool to follow there |
/// | `DATABASE` | the database's file; in memory if not set |
/// | `PORT` | 8080 if not set |
@main
struct NotesService {
    static func main() async throws {
        let logger = Logger(label: "notes")
        let settings = ConfigReader(provider: EnvironmentVariablesProvider())
        let cacheSettings = settings.scoped(to: "cache")

        var configuration = try CacheConfiguration(reading: cacheSettings)
        configuration.observer = CacheInstrument()
        let servers =
            cacheSettings.stringArray(forKey: "servers") == nil
            ? [CacheServer(host: "127.0.0.1")] : try CacheServer.list(reading: cacheSettings)
        let cache = CacheClient(servers: servers, configuration: configuration)

        var source: TopologySource?
        if let endpoints = cacheSettings.stringArray(forKey: "etcd") {
            source = .etcd(try Etcd(endpoints: endpoints), pool: cacheSettings.string(forKey: "pool", default: "notes"))
        }
        let store = try NoteStore(path: settings.string(forKey: "database"))
        let application = Application(
            router: notesRouter(store, cache: cache),
            configuration: .init(address: .hostname("127.0.0.1", port: settings.int(forKey: "port", default: 8080))),
            // Ends behind the web server, when no request needs it any longer.
            services: [CacheService(cache, following: source, logger: logger)], logger: logger)
        try await application.runService()
    }
}
