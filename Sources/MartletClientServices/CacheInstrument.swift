import MartletClient
import Metrics
import NIOConcurrencyHelpers
import Tracing

/// Metrics and spans for every call, named as OpenTelemetry names them for databases.
///
///     configuration.observer = CacheInstrument()
///
/// | metric | labels |
/// | --- | --- |
/// | `db.client.operation.duration`, a timer | `db.system.name` = memcached, `db.operation.name`, `error.type` where it failed |
/// | `cache.client.requests` | `result` = hit, miss, stale, done, partial, error |
/// | `cache.client.keys` | `result` = hit, miss: the keys of calls for many, but for those that were not answered |
/// | `cache.client.load.duration` | `error.type` where it failed |
///
/// Spans are called by their operation, `GET`, or `BATCH GET` for several keys, and have the attributes
/// `db.system.name`, `db.operation.name`, `db.operation.batch.size`, `server.address`, `server.port`, `error.type` and
/// `cache.hit`. Keys are in neither: they may be somebody's.
public struct CacheInstrument: CacheObserver {
    private let tracer: (any Tracer)?
    private let meters: Meters

    /// - Parameters:
    ///   - metrics: Where metrics go; the system's, as it is at the first call, if nil.
    ///   - tracer: Where spans go; nil for none.
    public init(metrics: (any MetricsFactory)? = nil, tracer: (any Tracer)? = InstrumentationSystem.tracer) {
        self.tracer = tracer
        meters = Meters(factory: metrics)
    }

    /// Begins a span and a time.
    public func begin(_ operation: CacheOperation) -> (any CacheObservation)? {
        Call(operation: operation, meters: meters, span: tracer.map { start($0, operation) })
    }

    /// Counts and times a load.
    public func loaded(_ duration: Duration, _ error: (any Error)?) {
        meters.timer("cache.client.load.duration", error.map { [("error.type", "\(type(of: $0))")] } ?? [])
            .record(duration: duration)
    }

    private func start(_ tracer: any Tracer, _ operation: CacheOperation) -> any Span {
        let name = operation.conventionalName
        let span = tracer.startSpan(name, context: .current ?? .topLevel, ofKind: .client)
        span.attributes["db.system.name"] = "memcached"
        span.attributes["db.operation.name"] = name
        if operation.keyCount > 1 { span.attributes["db.operation.batch.size"] = operation.keyCount }
        switch operation.server?.address {
        case .tcp(let host, let port):
            span.attributes["server.address"] = host
            span.attributes["server.port"] = Int(port)
        case .unixSocket(let path): span.attributes["server.address"] = path
        case nil: break
        }
        return span
    }

    /// One call under way.
    private struct Call: CacheObservation {
        let operation: CacheOperation
        let meters: Meters
        let span: (any Span)?
        let start = ContinuousClock.now

        func end(_ result: CacheOperation.Result) {
            let duration = ContinuousClock.now - start
            var labels = [("db.system.name", "memcached"), ("db.operation.name", operation.conventionalName)]
            if case .failure(let error) = result { labels.append(("error.type", "\(error.code)")) }
            meters.timer("db.client.operation.duration", labels).record(duration: duration)
            meters.counter("cache.client.requests", [("result", Self.word(result))]).increment()
            if operation.keyCount > 1, operation.name == "get" { countKeys(result) }
            guard let span else { return }
            finish(span, result)
        }

        private func countKeys(_ result: CacheOperation.Result) {
            let hits: Int
            var failures = 0
            switch result {
            case .hit(let count): hits = count
            case .miss: hits = 0
            case .partial(let count, let errors): (hits, failures) = (count, errors)
            case .stale, .done, .failure: return
            }
            for (word, count) in [("hit", hits), ("miss", operation.keyCount - hits - failures)] {
                meters.counter("cache.client.keys", [("result", word)]).increment(by: count)
            }
        }

        private func finish(_ span: any Span, _ result: CacheOperation.Result) {
            switch result {
            case .hit: span.attributes["cache.hit"] = true
            case .stale:
                span.attributes["cache.hit"] = true
                span.attributes["cache.stale"] = true
            case .miss: span.attributes["cache.hit"] = false
            case .done: break
            case .partial(_, let failures): span.attributes["cache.failures"] = failures
            case .failure(let error):
                span.attributes["error.type"] = "\(error.code)"
                span.setStatus(SpanStatus(code: .error, message: error.description))
            }
            span.end()
        }

        private static func word(_ result: CacheOperation.Result) -> String {
            switch result {
            case .hit: "hit"
            case .stale: "stale"
            case .miss: "miss"
            case .done: "done"
            case .partial: "partial"
            case .failure: "error"
            }
        }
    }
}

extension CacheOperation {
    /// As OpenTelemetry writes it.
    fileprivate var conventionalName: String { (keyCount > 1 ? "BATCH " : "") + name.uppercased() }
}

/// Timers and counters by name and labels, each made once.
private final class Meters: Sendable {
    private struct Name: Hashable {
        let label: String
        let words: [String]
    }

    private struct State {
        var timers: [Name: Metrics.Timer] = [:]
        var counters: [Name: Counter] = [:]
    }

    private let state = NIOLockedValueBox(State())
    private let factory: (any MetricsFactory)?

    init(factory: (any MetricsFactory)?) { self.factory = factory }

    func timer(_ label: String, _ labels: [(String, String)]) -> Metrics.Timer {
        let name = Name(label: label, words: labels.map(\.1))
        return state.withLockedValue { state in
            if let timer = state.timers[name] { return timer }
            let timer = Metrics.Timer(label: label, dimensions: labels, factory: factory ?? MetricsSystem.factory)
            state.timers[name] = timer
            return timer
        }
    }

    func counter(_ label: String, _ labels: [(String, String)]) -> Counter {
        let name = Name(label: label, words: labels.map(\.1))
        return state.withLockedValue { state in
            if let counter = state.counters[name] { return counter }
            let counter = Counter(label: label, dimensions: labels, factory: factory ?? MetricsSystem.factory)
            state.counters[name] = counter
            return counter
        }
    }
}
