import MartletRing
import NIOConcurrencyHelpers
import NIOCore

/// Many servers as one: who has a key, and asking them.
///
/// Liveness never edits the ring. A list of servers replaces another as a whole, with a greater epoch; a server that is
/// in both, by its name and address, keeps its connections, and what is known of it.
final class Cluster: Sendable {
    let configuration: CacheConfiguration
    let events: EventHub
    let eventLoops: any EventLoopGroup
    private let active: NIOLockedValueBox<ActiveTopology>
    /// Held while a list is put in force, which takes a while: one at a time, and no call waits for it.
    private let adoption = NIOLock()
    /// Servers that have left the ring, whose last calls are under way; and whether all is over.
    private let leaving = NIOLockedValueBox<(nodes: [ServerNode], isOver: Bool)>(([], false))
    /// What stands in for servers that are down; nil if nothing does.
    private let gutter: Cluster?
    private let gutterSecondsMax: Int32

    /// `topology` has one server at least, and nothing twice; nor has the gutter.
    init(
        topology: Topology, configuration: CacheConfiguration, eventLoops: any EventLoopGroup, events: EventHub
    ) {
        precondition(topology.flaw == nil, "a list of servers \(topology.flaw ?? "")")
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
        let known = Dictionary(uniqueKeysWithValues: old?.nodes.map { ($0.server.name, $0) } ?? [])
        let nodes = topology.servers.map { server in
            if let node = known[server.name], node.server.address == server.address { return node }
            return ServerNode(server: server, configuration: configuration, eventLoops: eventLoops, events: events)
        }
        return ActiveTopology(list: topology, ring: ring, nodes: nodes)
    }

    // MARK: Servers

    var ring: HashRing { active.withLockedValue { $0.ring } }
    var epoch: UInt64 { active.withLockedValue { $0.epoch } }
    var topology: ActiveTopology { active.withLockedValue { $0 } }

    /// Puts another list of servers in force; false, and nothing happens, if the epoch is not greater, the list is
    /// none, or this the end.
    func adopt(_ topology: Topology) -> Bool {
        guard topology.flaw == nil else { return false }
        return adoption.withLock {
            let last = self.topology
            guard topology.epoch > last.epoch else { return false }
            let next = Self.activate(
                topology, keeping: last, configuration: configuration, eventLoops: eventLoops, events: events)
            let staying = Set(next.nodes.map(ObjectIdentifier.init))
            let gone = last.nodes.filter { !staying.contains(ObjectIdentifier($0)) }
            let isOver = leaving.withLockedValue { leaving in
                guard !leaving.isOver else { return true }
                active.withLockedValue { $0 = next }
                leaving.nodes.removeAll { $0.isOver }
                leaving.nodes += gone
                return false
            }
            guard !isOver else { return false }
            for node in gone { node.retire() }
            events.send(.topologyChanged(epoch: next.epoch, fingerprint: next.ring.fingerprint))
            return true
        }
    }

    /// Why a list was not put in force; nil if it is the one in force, or nothing can be any longer.
    func refusal(of topology: Topology) -> CacheError? {
        if let flaw = topology.flaw { return CacheError(.refused, "a list of servers \(flaw)") }
        let now = self.topology.list
        guard !leaving.withLockedValue({ $0.isOver }), topology.epoch != now.epoch || topology.servers != now.servers
        else { return nil }
        // It may have come into force meanwhile, and another one behind it.
        return CacheError(.refused, "a list of servers has the epoch \(topology.epoch), in force is \(now.epoch)")
    }

    /// Asks a server whether it is there, because somebody else has news of it.
    func examine(_ server: String) {
        for node in topology.nodes where node.server.name == server { node.examine() }
    }

    /// Calls whose callers still wait.
    var liveCount: Int { nodes.reduce(gutter?.liveCount ?? 0) { $0 + $1.liveCount } }

    /// Those on the ring and those that leave it.
    private var nodes: [ServerNode] { topology.nodes + leaving.withLockedValue { $0.nodes } }

    /// The end is near: removals that were to be made later are made now.
    func settle() {
        for node in nodes { node.settle() }
        gutter?.settle()
    }

    func shutDown() {
        leaving.withLockedValue { $0.isOver = true }
        for node in nodes { node.shutDown() }
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
            case .connectionLost where request.isRetrieval:
                // Perhaps because the list of servers is another one by now.
                let node = topology.node(for: request)
                guard !node.isDown else { throw error }
                return try await askOnceMore(node, request, deadline)
            case .serverDown: return try await callInstead(request, node, deadline, error)
            default: throw error
            }
        }
    }

    private func askOnceMore(
        _ node: ServerNode, _ request: CacheRequest, _ deadline: NIODeadline
    ) async throws(CacheError) -> CacheReply {
        do throws(CacheError) {
            return try await Self.ask(node, request, deadline)
        } catch {
            guard error.code == .serverDown else { throw error }
            return try await callInstead(request, node, deadline, error)
        }
    }

    /// Remembers a change that may not have reached its server; also if the gutter takes it, whose copies are its own.
    private func note(_ request: CacheRequest, _ error: CacheError, _ node: ServerNode) {
        if InvalidationLog.concerns(request, error) { node.note(request.key, token: request.expectedToken) }
    }

    /// The same for a change that was not even sent.
    func remember(_ request: CacheRequest, _ error: CacheError) { note(request, error, topology.node(for: request)) }

    private func callInstead(
        _ request: CacheRequest, _ node: ServerNode, _ deadline: NIODeadline, _ error: CacheError? = nil
    ) async throws(CacheError) -> CacheReply {
        let error = error ?? node.downError
        // Wrong credentials are somebody's mistake, and no outage.
        guard !request.isOfCopy, error.code == .serverDown else { throw error }
        if let gutter { return try await gutter.call(shortened(request), deadline: deadline) }
        guard case .miss = configuration.whenServerDown else { throw error }
        return CacheReply(request.outcomeOfNothing)
    }

    /// Whether calls for a server that is down have another answer than an error.
    private var hasSubstitute: Bool {
        if case .miss = configuration.whenServerDown { true } else { gutter != nil }
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
        var tries = 0
        while true {
            let identity = CallIdentity.next()
            let lane = node.lane(for: request)
            let outcome = await withTaskCancellationHandler {
                await withCheckedContinuation { (continuation: CheckedContinuation<CallOutcome, Never>) in
                    lane.submit(
                        CallSlot(
                            identity: identity, deadline: deadline, completion: .one(continuation),
                            request: request))
                    // A cancellation before the call was there found nothing to cancel.
                    if Task.isCancelled { lane.cancel(identity) }
                }
            } onCancel: {
                lane.cancel(identity)
            }
            guard outcome.isUnsent, !node.isDown, tries < node.configuration.connectionsPerServer else {
                return try outcome.get()
            }
            // Over another connection.
            tries += 1
        }
    }

    // MARK: Many calls

    /// The most requests in one batch: so many replies come before the first is told. Never more than a connection
    /// takes.
    private var batchMax: Int { max(min(256, configuration.inFlightMax, configuration.waitingCallsMax), 1) }

    /// What goes over one connection together.
    private struct Part {
        let lane: Lane?
        let node: ServerNode
        /// The requests', among all.
        var places: [Int] = []
    }

    /// Asks many servers at once, each over one connection. Every request has an answer of its own; those that are late
    /// are so alone.
    ///
    /// As for a single call: retrievals whose connection broke are asked once more, and those of servers that are down
    /// go to the gutter, or miss, where that is wanted; each time all together.
    func call(_ requests: [CacheRequest], deadline: NIODeadline) async -> [CallOutcome] {
        guard !requests.isEmpty else { return [] }
        var (outcomes, hasFailed) = await ask(requests, deadline)
        guard hasFailed else { return outcomes }
        await askOverOthers(requests, &outcomes, deadline)
        let lost = requests.indices.filter { outcomes[$0].code == .connectionLost && requests[$0].isRetrieval }
        if !lost.isEmpty {
            let again = await ask(lost.map { requests[$0] }, deadline).outcomes
            for (place, outcome) in zip(lost, again) { outcomes[place] = outcome }
        }
        await substitute(requests, &outcomes, deadline)
        return outcomes
    }

    /// Asks once more what was not sent because a connection could not be made that the server does without.
    private func askOverOthers(_ requests: [CacheRequest], _ outcomes: inout [CallOutcome], _ deadline: NIODeadline)
        async
    {
        for _ in 0..<max(configuration.connectionsPerServer, 1) {
            let unsent = requests.indices.filter { outcomes[$0].isUnsent }
            guard !unsent.isEmpty else { return }
            let again = await ask(unsent.map { requests[$0] }, deadline).outcomes
            for (place, outcome) in zip(unsent, again) { outcomes[place] = outcome }
        }
        for place in requests.indices {
            if case .failure(let error) = outcomes[place], error.isUnsent { remember(requests[place], error) }
        }
    }

    /// Answers in the place of those of servers that are down.
    private func substitute(_ requests: [CacheRequest], _ outcomes: inout [CallOutcome], _ deadline: NIODeadline) async
    {
        guard hasSubstitute else { return }
        let down = requests.indices.filter { outcomes[$0].code == .serverDown && !requests[$0].isOfCopy }
        guard !down.isEmpty else { return }
        let instead =
            if let gutter {
                await gutter.call(down.map { shortened(requests[$0]) }, deadline: deadline)
            } else {
                down.map { CallOutcome.success(CacheReply(requests[$0].outcomeOfNothing)) }
            }
        for (place, outcome) in zip(down, instead) { outcomes[place] = outcome }
    }

    /// Asks once, and says whether anything has failed.
    private func ask(
        _ requests: [CacheRequest], _ deadline: NIODeadline
    ) async -> (outcomes: [CallOutcome], hasFailed: Bool) {
        let parts = parts(requests)
        let identity = CallIdentity.next()
        let answers = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let collector = BatchCollector(count: parts.count, continuation: continuation)
                for (place, part) in parts.enumerated() {
                    let completion = Completion.part(collector, place, count: part.places.count)
                    guard let lane = part.lane else {
                        completion(.failure(part.node.downError))
                        continue
                    }
                    lane.submit(
                        CallSlot(
                            identity: identity, deadline: deadline, completion: completion,
                            batch: CallBatch(requests, places: part.places)))
                }
                // A cancellation before the calls were there found nothing to cancel.
                if Task.isCancelled { for part in parts { part.lane?.cancel(identity) } }
            }
        } onCancel: {
            for part in parts { part.lane?.cancel(identity) }
        }
        return finished(requests, parts, answers)
    }

    /// Requests by their connections: one for all small requests of a server, so that they leave together.
    private func parts(_ requests: [CacheRequest]) -> [Part] {
        let (topology, batchMax) = (topology, batchMax)
        var parts: [Part] = []
        // By the server's place, twice: for small requests, and for large ones.
        var open = [Int](repeating: -1, count: topology.nodes.count * 2)
        for place in requests.indices {
            let server = topology.place(for: requests[place])
            let isLarge = requests[place].valueBytes > configuration.smallValueBytesMax
            let kind = isLarge ? server + topology.nodes.count : server
            if open[kind] < 0 || parts[open[kind]].places.count >= batchMax {
                let node = topology.nodes[server]
                let lane = open[kind] < 0 ? (node.isDown ? nil : node.lane(isLarge: isLarge)) : parts[open[kind]].lane
                open[kind] = parts.count
                parts.append(Part(lane: lane, node: node))
                parts[open[kind]].places.reserveCapacity(min(requests.count - place, batchMax))
            }
            parts[open[kind]].places.append(place)
        }
        return parts
    }

    /// The answers in the order of the requests.
    private func finished(
        _ requests: [CacheRequest], _ parts: [Part], _ answers: BatchCollector.Parts
    ) -> (outcomes: [CallOutcome], hasFailed: Bool) {
        var (answers, hasFailed) = (answers, false)
        for (number, part) in parts.enumerated() {
            for index in part.places.indices {
                guard case .failure(let error) = answers[number][index] else { continue }
                hasFailed = true
                // What was not sent is asked once more.
                if !error.isUnsent { note(requests[part.places[index]], error, part.node) }
                answers[number][index] = .failure(error.at(part.node.server.name))
            }
        }
        // All of one server's, in few enough: they are in order.
        var outcomes = answers[0]
        if parts.count > 1 {
            outcomes = [CallOutcome](repeating: answers[0][0], count: requests.count)
            for (part, answers) in zip(parts, answers) {
                for (place, outcome) in zip(part.places, answers) { outcomes[place] = outcome }
            }
        }
        return (outcomes, hasFailed)
    }
}

extension CallOutcome {
    fileprivate var code: CacheError.Code? { if case .failure(let error) = self { error.code } else { nil } }
    fileprivate var isUnsent: Bool { if case .failure(let error) = self { error.isUnsent } else { false } }
}
