import MartletRing
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Synchronization

/// Many caches as one.
///
///     let cache = CacheClient(servers: [CacheServer(host: "10.0.1.1"), CacheServer(host: "10.0.1.2")])
///     let user = try await cache.value(for: "user:\(id)", timeToLive: .seconds(300)) {
///         try await database.user(id)          // once per key, however many ask, in this process and others
///     }
///
/// *Goals*: the same server for every key as other clients; many calls on few connections; a deadline for every call,
/// and no call's end another's; a database behind it that is asked once. *Non-goals*: being that database. What is in a
/// cache may be gone at any time, and nothing here makes more of it than that.
///
/// Rules:
/// 1. A miss is an answer, nil or false. An error means that there is none: an outage is never a miss.
/// 2. A cancelled or late call leaves its connection and the calls of others alone.
/// 3. Connections are made when they are first needed, and again when they were lost; nothing has to be started.
///
/// A value: `namespace` and `timeout` give another with the same servers and connections. Every method may be called
/// from any task at any time.
public struct CacheClient: Sendable {
    let core: ClientCore

    /// How many callers in this process wait for the load of `key`.
    package func loadWaiterCount(_ key: CacheKey) -> Int { core.loads.waiterCount(key) }
    /// How many loads wait for their turn.
    package var waitingLoadCount: Int { core.loads.waitingCount }
    /// What goes on behind callers.
    package var tasks: BackgroundTasks { core.tasks }
    /// How long each call may take, with all of its requests.
    public private(set) var timeout: Duration
    /// When the one call ends that this view is for; nil if each has a time of its own.
    private var end: NIODeadline?
    /// In front of every key; in a droppable namespace behind its generation.
    private var prefix: [UInt8] = []
    /// Values kept in this process.
    private(set) var near: NearTable?
    /// Which of a key's servers is asked: 0 for its own.
    private(set) var rank: UInt8 = 0
    /// Whether it holds one copy of several: then only a server's own answer is one.
    var isCopy = false
    /// Other caches that take part.
    var route = CacheRoute.plain
    /// Of a namespace that can be emptied, with what stands in front of it.
    private var generation: Generation?
    /// How old the generation may be.
    private var lag = Duration.zero

    /// A client for servers that stay.
    ///
    /// - Parameters:
    ///   - servers: One at least and 4,096 at most, each name once. The order decides only where the distribution says so.
    ///   - eventLoopGroup: Where the connections to the servers live. Sources of lists of servers have their own.
    public init(
        servers: [CacheServer], configuration: CacheConfiguration = CacheConfiguration(),
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) {
        precondition(!servers.isEmpty, "a client has one server at least")
        core = ClientCore(
            topology: Topology(epoch: 0, servers: servers), configuration: configuration, eventLoops: eventLoopGroup)
        timeout = configuration.operationTimeout
    }

    // MARK: Views

    /// The same cache with another time for each call.
    public func timeout(_ timeout: Duration) -> CacheClient {
        var view = self
        view.timeout = timeout
        view.end = nil
        return view
    }

    /// The same cache with `name:` in front of every key. Routing keys stay as they are.
    ///
    /// The name decides with the key which server has it. To libmemcached's prefixes (pylibmc's `namespace`,
    /// php-memcached's `OPT_PREFIX_KEY`) only the key does: what such clients store is found among several servers by
    /// `CacheKey("app:k", routingKey: "k")`.
    public func namespace(_ name: String) -> CacheClient {
        var view = self
        view.prefix += Array("\(name):".utf8)
        return view
    }

    /// A namespace that can be emptied at once: `removeAll`.
    ///
    /// Which of its values are good is a number on one server, its generation. While that cannot be read calls fail,
    /// also where a server that is down is to count as empty or has a gutter.
    ///
    /// Keep the view, or one made of it: what is known of the generation goes with the last one, so a view made anew for
    /// each call reads it each time, whatever `lag` says.
    ///
    /// Namespaces within it are emptied with it. None of them can be droppable itself: to ask for that is a mistake in
    /// the program, and ends it.
    ///
    /// - Parameter lag: How much later other processes may notice. So often each of them reads the generation.
    public func droppableNamespace(_ name: String, lag: Duration = .seconds(1)) -> CacheClient {
        precondition(generation == nil, "a droppable namespace is within no other one")
        var view = namespace(name)
        view.generation = core.generation(of: view.prefix)
        view.lag = lag
        view.prefix = []
        return view
    }

    /// The same cache where each key is on the server that comes so many places behind its own.
    func copy(_ rank: UInt8) -> CacheClient {
        var view = self
        view.rank = rank
        return view
    }

    /// Makes everything in a droppable namespace a miss: what is there is found no longer, and goes when its life is
    /// over or something else needs the room.
    ///
    /// - Throws: If that is not sure. Like a removal that failed it is made good before the server that did not answer
    ///   is used again.
    public func removeAll() async throws(CacheError) {
        // Not through one within: all that is around it would go.
        guard let generation, prefix.isEmpty else {
            throw CacheError(.unsupported, "only a droppable namespace can be emptied")
        }
        try await generation.advance(in: asOneCall)
    }

    /// The same cache with a smaller one of its own in front, in this process, for keys so hot that even a call is too
    /// much.
    ///
    /// `value` and `values`, with and without a load, answer from it what they read up to `timeToLive` ago: what others
    /// change in the meantime is seen that much later. Changes through this client, by whatever view, are seen once they
    /// have returned.
    ///
    /// Each view made by this has values of its own, which go with it: make one and keep it.
    ///
    /// - Parameters:
    ///   - itemsMax: Values kept at most; how much memory that is depends on the values.
    ///   - timeToLive: How long: a second, not minutes.
    public func nearCached(itemsMax: Int = 10_000, timeToLive: Duration = .seconds(1)) -> CacheClient {
        var view = self
        let table = NearTable(itemsMax: itemsMax, timeToLive: timeToLive)
        view.near = table
        core.add(table)
        return view
    }

    // MARK: Servers

    /// The ring in force: which server has which key, and the fingerprint to compare with other clients'.
    public var ring: HashRing { core.cluster.ring }

    /// The number of the list of servers in force; 0 for the first.
    public var epoch: UInt64 { core.cluster.epoch }

    /// Puts another list of servers in force, if its epoch is greater and it is not empty; says whether it did. Servers
    /// in both lists keep their connections, and calls under way end where they began.
    @discardableResult
    public func adopt(_ topology: Topology) -> Bool { core.cluster.adopt(topology) }

    /// Somebody has news of a server: it is asked now whether it is there.
    package func examine(_ server: String) { core.cluster.examine(server) }

    /// What happens to servers, from now on.
    public var events: AsyncStream<CacheEvent> { core.events.stream() }

    // MARK: Life

    /// Waits until the task is cancelled, then lets calls under way end, for as long as one may take, and shuts down:
    /// `shutDown` for those who end things by cancelling them. Nothing depends on it.
    ///
    /// A service group that ends gracefully cancels nothing, so this is not for its services: with
    /// `MartletClientServices` the client is one itself.
    public func runUntilCancelled() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
        await withTaskCancellationHandler {
            for await _ in stream {}
        } onCancel: {
            continuation.finish()
        }
        await shutDown()
    }

    /// Lets calls under way end, for as long as one may take, and with them what goes on behind them: refreshes,
    /// repairs, removals that have still to be made. What is not done by then is cancelled, waited for as long again,
    /// and all connections are closed. Later calls fail.
    ///
    /// A load that callers wait for is theirs, and goes on. One that nobody waits for ends, unless it takes no notice
    /// of being cancelled.
    ///
    /// A client whose last view is dropped without this closes its connections, too; removals that have still to be
    /// made are not.
    public func shutDown() async {
        await core.shutDown(within: timeout)
    }

    // MARK: Asking

    var deadline: NIODeadline { end ?? .now() + timeout.timeAmount }

    /// The same cache for what is one call to whoever makes it and several to servers: together they have the time of
    /// one, from now on.
    var asOneCall: CacheClient {
        guard end == nil else { return self }
        var view = self
        view.end = deadline
        return view
    }

    /// The key with what stands in front of it in this namespace, at this time.
    func named(_ key: CacheKey) async throws(CacheError) -> CacheKey {
        guard let generation else { return key.prefixed(prefix) }
        return key.prefixed(try await generation.prefix(in: asOneCall, lag: lag) + prefix)
    }

    /// For many keys: the name of each.
    func named(_ keys: [CacheKey]) async throws(CacheError) -> [CacheKey] {
        guard let generation else { return prefix.isEmpty ? keys : keys.map { $0.prefixed(prefix) } }
        let whole = try await generation.prefix(in: asOneCall, lag: lag) + prefix
        return keys.map { $0.prefixed(whole) }
    }

    /// The names of keys that are to be changed. Where they cannot be found out, the changes are remembered under those
    /// that they had last.
    func named(_ keys: [CacheKey], toBe verb: CacheRequest.Verb) async throws(CacheError) -> [CacheKey] {
        do throws(CacheError) {
            return try await named(keys)
        } catch {
            if let last = generation?.lastPrefix {
                for key in keys {
                    core.cluster.remember(CacheRequest(verb, key.prefixed(last + prefix)).at(rank), error)
                }
            }
            throw error
        }
    }

    func named(_ key: CacheKey, toBe verb: CacheRequest.Verb) async throws(CacheError) -> CacheKey {
        guard generation != nil else { return try await named(key) }
        return try await named([key], toBe: verb)[0]
    }
}

/// What all views of a client share.
final class ClientCore: Sendable {
    let cluster: Cluster
    let events = EventHub()
    let tasks = BackgroundTasks()
    let loads: LoadTable
    let configuration: CacheConfiguration

    init(topology: Topology, configuration: CacheConfiguration, eventLoops: any EventLoopGroup) {
        self.configuration = configuration
        cluster = Cluster(topology: topology, configuration: configuration, eventLoops: eventLoops, events: events)
        loads = LoadTable(
            loadsMax: configuration.concurrentLoadsMax, waitingMax: configuration.waitingLoadsMax, tasks: tasks)
    }

    /// Nobody can make a call any longer. Connections would stay open by themselves: what comes over them keeps them.
    deinit { cluster.shutDown() }

    /// Asks the source behind the cache when its turn has come, and tells how long that took.
    func load<Value: Sendable>(_ load: @Sendable () async throws -> Value) async throws -> Value {
        try await loads.inTurn {
            guard let observer = configuration.observer else { return try await load() }
            let start = ContinuousClock.now
            do {
                let value = try await load()
                observer.loaded(ContinuousClock.now - start, nil)
                return value
            } catch {
                observer.loaded(ContinuousClock.now - start, error)
                throw error
            }
        }
    }

    /// Near caches of all views, to be told of changes; a view that is gone takes its own along.
    private let nearTables = NIOLockedValueBox<[WeakTable]>([])
    private let nearCount = Atomic<Int>(0)

    private struct WeakTable: Sendable {
        weak let table: NearTable?
    }

    func add(_ table: NearTable) {
        nearTables.withLockedValue { tables in
            tables.removeAll { $0.table == nil }
            tables.append(WeakTable(table: table))
            nearCount.store(tables.count, ordering: .relaxed)
        }
    }

    /// Generations of namespaces that there are views of.
    private let generations = NIOLockedValueBox<[[UInt8]: WeakGeneration]>([:])

    private struct WeakGeneration: Sendable {
        weak let generation: Generation?
    }

    /// The one of the namespace with this prefix, for all of its views.
    func generation(of namespace: [UInt8]) -> Generation {
        generations.withLockedValue { generations in
            if let generation = generations[namespace]?.generation { return generation }
            let generation = Generation(of: namespace)
            generations = generations.filter { $0.value.generation != nil }
            generations[namespace] = WeakGeneration(generation: generation)
            return generation
        }
    }

    /// A change of `key` is on its way: what is known of it in this process is known no longer.
    func forget(_ key: CacheKey) {
        loads.forget(key)
        guard nearCount.load(ordering: .relaxed) > 0 else { return }
        for table in nearTables.withLockedValue({ $0 }) { table.table?.forget(key) }
    }

    /// Everything has changed.
    func forgetAll() {
        loads.forgetAll()
        for table in nearTables.withLockedValue({ $0 }) { table.table?.forgetAll() }
    }

    func shutDown(within timeout: Duration) async {
        // In a task of its own: that of the caller may be cancelled, and just therefore this is the end.
        await Task { [cluster, tasks] in
            cluster.settle()
            await Self.wait(timeout) { cluster.liveCount == 0 && tasks.count == 0 }
            tasks.cancel()
            // They give their leases back.
            await Self.wait(timeout) { tasks.count == 0 }
        }.value
        cluster.shutDown()
    }

    /// Waits until it is so, or the time is over. Nobody tells when the last call has ended; it is worth no more than a
    /// look now and then.
    private static func wait(_ timeout: Duration, until isOver: () -> Bool) async {
        let end = ContinuousClock.now + timeout
        while !isOver(), ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(5)) }
    }
}
