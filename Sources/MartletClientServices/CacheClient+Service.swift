import MartletClient
import ServiceLifecycle

/// A client as it is, among a service's other parts:
///
///     try await ServiceGroup(services: [cache, app], gracefulShutdownSignals: [.sigterm], logger: logger).run()
///
/// `CacheService` follows a list of servers besides, logs and counts.
extension CacheClient: Service {
    /// Runs until the group ends, gracefully too, or the task is cancelled; then it lets calls under way end, for as
    /// long as one may take, and shuts the client down.
    public func run() async throws {
        await cancelWhenGracefulShutdown { await runUntilCancelled() }
    }
}
