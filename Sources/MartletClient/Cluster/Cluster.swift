import MartletRing
import NIOConcurrencyHelpers
import NIOCore

/// Many servers as one: who has a key, and asking them.
///
/// Liveness never edits the ring. A list of servers replaces another as a whole, with a greater epoch; a server that is in
/// both keeps its connections.
final class Cluster: Sendable {
    let configuration: CacheConfiguration
    let events: EventHub
    private let eventLoops: any EventLoopGroup
    private let active: NIOLockedValueBox<ActiveTopology>
    /// What stands in for servers that are down; nil if nothing does.
    private let gutter: Cluster?
    private let gutterSecondsMax: Int32

    /// `topology` has one server at least.
    init(
        topology: Topology, configuration: CacheConfiguration, eventLoops: any EventLoopGroup, events: EventHub
    ) {
        self.configuration = configuration
        self.eventLoops = eventLoops
        self.events = events
        active = NIOLockedValueBox(
            Self.activate(topology, keeping: nil, configuration: configuration, eventLoops: eventLoops, events: events))
        guard case .gutter(let servers, let lifeMax) = configuration.whenServerDown, !servers.isEmpty else {
            gutter = nil
            gutterSecondsMax = 0
            return
        }
        var settings = configuration
        settings.whenServerDown = .fail
        gutter = Cluster(
            topology: Topology(epoch: 0, servers: servers), configuration: settings, eventLoops: eventLoops,
            events: events)
        gutterSecondsMax = Int32(clamping: TimeToLive.seconds(lifeMax))
    }

    private static func activate(
        _ topology: Topology, keeping old: ActiveTopology?, configuration: CacheConfiguration,
        eventLoops: any EventLoopGroup, events: EventHub
    ) -> ActiveTopology {
        let (distribution, hash, tag) = configuration.ringSettings
        let ring = HashRing(
            servers: topology.servers.map(\.node), distribution: distribution, hash: hash, hashTag: tag)
        let nodes = topology.servers.map { server in
            old?.nodes.first { $0.server == server }
                ?? ServerNode(
                    server: server, configuration: configuration, eventLoops: eventLoops, events: events)
        }
        return ActiveTopology(epoch: topology.epoch, ring: ring, nodes: nodes)
    }

    // MARK: Servers

    var ring: HashRing { active.withLockedValue { $0.ring } }
    var epoch: UInt64 { active.withLockedValue { $0.epoch } }
    var topology: ActiveTopology { active.withLockedValue { $0 } }

    /// Puts another list of servers in force; false, and nothing happens, if the epoch is not greater or the list empty.
    func adopt(_ topology: Topology) -> Bool {
        guard !topology.servers.isEmpty else { return false }
        let change = active.withLockedValue { active -> (ActiveTopology, [ServerNode])? in
            guard topology.epoch > active.epoch else { return nil }
            let next = Self.activate(
                topology, keeping: active, configuration: configuration, eventLoops: eventLoops, events: events)
            let leaving = active.nodes.filter { node in !next.nodes.contains { $0 === node } }
            active = next
            return (next, leaving)
        }
        guard let (next, leaving) = change else { return false }
        for node in leaving { node.retire() }
        events.send(.topologyChanged(epoch: next.epoch, fingerprint: next.ring.fingerprint))
        return true
    }

    /// Calls whose callers still wait.
    var liveCount: Int { topology.nodes.reduce(gutter?.liveCount ?? 0) { $0 + $1.liveCount } }

    func shutDown() {
        for node in topology.nodes { node.shutDown() }
        gutter?.shutDown()
        events.finish()
    }

    // MARK: Calls

    /// Asks the server that has the key.
    ///
    /// A retrieval whose connection broke is asked once more, because asking twice does no harm; nothing else is.
    func call(_ request: CacheRequest, deadline: NIODeadline) async throws(CacheError) -> CacheReply {
        let node = topology.node(for: request)
        if node.isDown {
            note(request, node.downError, node)
            return try await callInstead(request, node, deadline)
        }
        do throws(CacheError) {
            return try await Self.ask(node, request, deadline)
        } catch {
            note(request, error, node)
            switch error.code {
            case .connectionLost where request.isRetrieval && !node.isDown:
                return try await Self.ask(node, request, deadline)
            case .serverDown: return try await callInstead(request, node, deadline, error)
            default: throw error
            }
        }
    }

    /// Remembers a change that may not have reached its server; also if the gutter takes it, whose copies are its own.
    private func note(_ request: CacheRequest, _ error: CacheError, _ node: ServerNode) {
        if InvalidationLog.concerns(request, error) { node.note(request.key) }
    }

    private func callInstead(
        _ request: CacheRequest, _ node: ServerNode, _ deadline: NIODeadline, _ error: CacheError? = nil
    ) async throws(CacheError) -> CacheReply {
        guard let gutter else { throw error ?? node.downError }
        return try await gutter.call(shortened(request), deadline: deadline)
    }

    /// The request as the gutter gets it: everything that lives long lives shortly.
    private func shortened(_ request: CacheRequest) -> CacheRequest {
        var request = request
        if let exptime = request.exptime {
            request.exptime = exptime <= 0 ? (exptime < 0 ? exptime : gutterSecondsMax) : min(exptime, gutterSecondsMax)
        }
        request.leaseSeconds = request.leaseSeconds.map { min($0, gutterSecondsMax) }
        request.refreshSeconds = request.refreshSeconds.map { min($0, gutterSecondsMax) }
        return request
    }

    private static func ask(
        _ node: ServerNode, _ request: CacheRequest, _ deadline: NIODeadline
    ) async throws(CacheError) -> CacheReply {
        let identity = CallIdentity.next()
        let lane = node.lane(for: request)
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<CallOutcome, Never>) in
                lane.submit(
                    CallSlot(
                        identity: identity, deadline: deadline, completion: .one(continuation), request: request))
                // A cancellation before the call was there found nothing to cancel.
                if Task.isCancelled { lane.cancel(identity..<identity + 1) }
            }
        } onCancel: {
            lane.cancel(identity..<identity + 1)
        }
        return try outcome.get()
    }

    // MARK: Many calls

    /// Asks many servers at once, each over one connection. Every request has an answer of its own; those that are late are
    /// so alone.
    func call(_ requests: [CacheRequest], deadline: NIODeadline) async -> [CallOutcome] {
        guard !requests.isEmpty else { return [] }
        let topology = topology
        let first = CallIdentity.next(requests.count)
        let all = first..<first + UInt64(requests.count)
        var lanes: [ObjectIdentifier: Lane] = [:]
        var placed: [(Lane?, CacheRequest, ServerNode)] = []
        placed.reserveCapacity(requests.count)
        var chosen: [ObjectIdentifier: Lane] = [:]
        for request in requests {
            let node = topology.node(for: request)
            var lane: Lane?
            if !node.isDown {
                // One connection for all small requests of a node, so that they leave together.
                let isLarge = request.value.readableBytes > configuration.smallValueBytesMax
                lane = isLarge ? node.lane(for: request) : chosen[ObjectIdentifier(node)] ?? node.lane(for: request)
                if !isLarge { chosen[ObjectIdentifier(node)] = lane }
            }
            if let lane { lanes[ObjectIdentifier(lane)] = lane }
            placed.append((lane, request, node))
        }
        let involved = Array(lanes.values)
        let calls = placed
        var outcomes = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let collector = BatchCollector(count: calls.count, continuation: continuation)
                for (place, (lane, request, node)) in calls.enumerated() {
                    guard let lane else {
                        collector.complete(place, .failure(node.downError))
                        continue
                    }
                    lane.submit(
                        CallSlot(
                            identity: first + UInt64(place), deadline: deadline, completion: .part(collector, place),
                            request: request))
                }
                if Task.isCancelled { for lane in involved { lane.cancel(all) } }
            }
        } onCancel: {
            for lane in involved { lane.cancel(all) }
        }
        for (place, outcome) in outcomes.enumerated() {
            if case .failure(let error) = outcome { note(requests[place], error, calls[place].2) }
        }
        await askAgain(requests, &outcomes, deadline)
        return outcomes
    }

    /// As for a single call: retrievals whose connection broke are asked once more, and those of servers that are down go
    /// to the gutter, if there is one.
    private func askAgain(_ requests: [CacheRequest], _ outcomes: inout [CallOutcome], _ deadline: NIODeadline) async {
        var places: [Int] = []
        for (place, outcome) in outcomes.enumerated() {
            guard case .failure(let error) = outcome else { continue }
            if error.code == .serverDown ? gutter != nil : error.code == .connectionLost && requests[place].isRetrieval
            {
                places.append(place)
            }
        }
        for place in places {
            do throws(CacheError) {
                outcomes[place] = .success(try await call(requests[place], deadline: deadline))
            } catch {
                outcomes[place] = .failure(error)
            }
        }
    }
}
