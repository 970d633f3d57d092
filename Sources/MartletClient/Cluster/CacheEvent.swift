import NIOConcurrencyHelpers

/// What a client tells whoever listens: for logs, alarms and dashboards.
public enum CacheEvent: Sendable {
    /// A server no longer takes calls; with what the last one failed.
    case serverDown(server: String, error: CacheError)
    /// It does again.
    case serverUp(server: String)
    /// More changes failed than could be remembered, or the client ends, or the server leaves the list, before they
    /// could be made good: what is on the server may be out of date until its life ends.
    case invalidationsLost(server: String)
    /// A server does not speak the meta protocol as memcached does since 1.6.10, or hangs up when it is asked for it:
    /// it is spoken to in classic commands, without leases, refreshes and stale values, and keys with blanks are others
    /// there. Whether it does by now is found out with each new connection, and after
    /// `CacheConfiguration.probeDelayMax` where it hung up.
    case metaProtocolDeclined(server: String)
    /// The source of the list of servers could not be asked; the last list stays in force.
    case topologySourceFailed(CacheError)
    /// Another list of servers is in force.
    case topologyChanged(epoch: UInt64, fingerprint: String)
}

/// Tells every listener of everything, without ever waiting for one: who does not listen misses the oldest.
final class EventHub: Sendable {
    /// Events kept for a listener that is busy.
    private static let pendingMax = 256

    private struct State {
        var listeners: [UInt64: AsyncStream<CacheEvent>.Continuation] = [:]
        var nextIdentity: UInt64 = 0
        var isOver = false
    }

    private let state = NIOLockedValueBox(State())

    func send(_ event: CacheEvent) {
        for listener in state.withLockedValue({ Array($0.listeners.values) }) { listener.yield(event) }
    }

    /// All events from now on; ends with the client or when dropped.
    func stream() -> AsyncStream<CacheEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: CacheEvent.self, bufferingPolicy: .bufferingNewest(Self.pendingMax))
        let identity = state.withLockedValue { state -> UInt64? in
            guard !state.isOver else { return nil }
            state.nextIdentity += 1
            state.listeners[state.nextIdentity] = continuation
            return state.nextIdentity
        }
        guard let identity else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLockedValue { $0.listeners.removeValue(forKey: identity) }
        }
        return stream
    }

    func finish() {
        let listeners = state.withLockedValue { state in
            state.isOver = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }
}
