// A server under faults, simulated: its workers, connections, protocol, execution, store and maintenance as they are,
// on a clock, a network and an order of events that come from a seed.
//
//     SimulationEvent.script   seed to events          SimulatedClient  commands, and what may be answered
//     Simulation               runs them               SimulatedNetwork short, empty, torn reads and sends
//     SimulationShrinker       fewer events that still fail
//
// Goals: faults far above real rates; every answer judged; a failing seed becomes a short list of events that fails by
// itself.
// Non-goals: threads (the thread sanitizer's), the kernel (`./martlet exhaust`), several clients on one key (the checks
// of histories).

import Glibc
import MartletServer
import StoreTesting

/// One run. One thread.
package final class Simulation {
    package struct Failure: Error {
        package let event: Int
        package let reason: String
    }

    /// What a run has met.
    package struct Counts: Sendable, Equatable {
        package enum Kind: String, CaseIterable, Sendable {
            case commands, hits, misses, refusals, evictions
            case shortReads = "short reads", shortSends = "short sends", emptyCalls = "empty calls"
            case breaks = "broken connections", kicks = "closed by the server"
            case failedAllocations = "failed allocations", memoryKicks = "closed for want of memory"
            case refusedConnections = "connections without memory"
        }

        private var values = [Int](repeating: 0, count: Kind.allCases.count)

        package init() {}

        package subscript(kind: Kind) -> Int {
            get { values[Self.index(kind)] }
            set { values[Self.index(kind)] = newValue }
        }

        private static func index(_ kind: Kind) -> Int { Kind.allCases.firstIndex(of: kind).unsafelyUnwrapped }

        package static func += (left: inout Counts, right: Counts) {
            for index in left.values.indices { left.values[index] += right.values[index] }
        }
    }

    private struct Link {
        let descriptor: Int32
        let place: SteppedServer.Place
    }

    private let settings: SimulationSettings
    private let network = SimulatedNetwork()
    private let server: SteppedServer
    private var clients: [SimulatedClient]
    private var links: [Link?]
    private var kicksSeen: UInt64 = 0
    /// Connections that the server had a reason to close, and that are not closed yet.
    private var explained = 0
    private var counts = Counts()

    /// `tells`: whether each command is printed with what is believed and what comes back.
    package init(_ settings: SimulationSettings, tells: Bool = false) throws {
        self.settings = settings
        var made = ServerSettings()
        made.threadCount = settings.workerCount
        made.memoryBytes = settings.memoryMegabytes << 20
        made.itemBytesMax = SimulationSettings.itemBytesMax
        made.evicts = settings.evicts
        made.isMemcachedMode = settings.isMemcachedMode
        made.idleTimeoutSeconds = settings.idleSeconds
        made.connectionBufferBytesMax = settings.bufferBytesMax
        network.faultShare = settings.faultShare
        network.allocationFaultShare = settings.allocationFaultShare
        server = try SteppedServer(made, secret: (settings.seed | 1, ~settings.seed | 1), syscalls: network.table)
        let facts = SimulatedClient.ServerFacts(
            evicts: settings.evicts, itemBytesMax: SimulationSettings.itemBytesMax, tells: tells)
        clients = (0..<settings.clientCount).map { SimulatedClient(number: $0, facts) }
        links = clients.map { _ in nil }
    }

    private var now: UInt32 { server.context.pointee.clock.second }

    /// Runs all events, then everything to its end without faults. What it has met; throws what was wrong.
    package func run(_ events: [SimulationEvent]) throws(Failure) -> Counts {
        for (number, event) in events.enumerated() {
            if let reason = run(event) { throw Failure(event: number, reason: reason) }
        }
        if let reason = settle() { throw Failure(event: events.count - 1, reason: "at the end: \(reason)") }
        for client in clients {
            counts[.commands] += client.commandCount
            counts[.hits] += client.hits
            counts[.misses] += client.misses
            counts[.refusals] += client.refusals
        }
        counts[.shortReads] = network.shortReads
        counts[.shortSends] = network.shortSends
        counts[.emptyCalls] = network.emptyCalls
        counts[.failedAllocations] = network.failedAllocations
        counts[.memoryKicks] = Int(server.kicks.memory)
        counts[.evictions] = server.context.pointee.store.statistics().classes.reduce(0) { $0 + $1.evicted }
        return counts
    }

    private func run(_ event: SimulationEvent) -> String? {
        var random = SplitMix(seed: event.seed)
        network.random = random
        switch event.kind {
        case .ask: clients[event.number].ask(event.seed, now: now)
        case .send: send(event.number, &random)
        case .read: return read(event.number, &random)
        case .close, .reset: tear(event.number, isReset: event.kind == .reset)
        case .round: return round(event.number, &random)
        case .advance: server.advance(seconds: random.below(20) == 0 ? 100_000 : UInt32(1 + random.below(5)))
        case .maintain: _ = server.maintain()
        case .flush:
            server.flush()
            for index in clients.indices { clients[index].flush() }
        case .limit:
            let megabytes = settings.memoryMegabytes + [0, 2, -1][random.below(3)]
            _ = server.context.pointee.store.setMemoryLimit(bytes: megabytes << 20)
        }
        return nil
    }

    // MARK: Clients

    private func connect(_ client: Int, _ random: inout SplitMix) -> Int32? {
        if let link = links[client] { return link.descriptor }
        guard let descriptor = network.open() else { return nil }
        guard let place = server.open(descriptor, on: client % settings.workerCount) else {
            network.forget(descriptor)
            counts[.refusedConnections] += 1
            kicksSeen += 1
            return nil
        }
        network[descriptor].window = [1 << 20, 100_000, 2000][random.below(3)]
        links[client] = Link(descriptor: descriptor, place: place)
        return descriptor
    }

    private func send(_ client: Int, _ random: inout SplitMix) {
        let left = clients[client].outbox.count - clients[client].sentCount
        guard left > 0, let descriptor = connect(client, &random) else { return }
        let count = random.below(settings.faultShare) == 0 ? 1 + random.below(min(left, 3000)) : left
        let start = clients[client].sentCount
        network[descriptor].toServer += clients[client].outbox[start..<start + count]
        clients[client].sentCount += count
    }

    private func read(_ client: Int, _ random: inout SplitMix) -> String? {
        guard let link = links[client], !network[link.descriptor].toClient.isEmpty else { return nil }
        let wrong = clients[client].receive(network[link.descriptor].toClient, now: now, mayRefuse: mayRefuse)
        network[link.descriptor].toClient.removeAll(keepingCapacity: true)
        return wrong.map { "client \(client): \($0)" }
    }

    /// What a client holds may be what a small store would need: leases, and values half arrived.
    private var mayRefuse: Bool {
        server.context.pointee.budget.leasedBytes > 0 || server.parkedCount > 0
            || clients.contains { $0.waitingCount > 0 && $0.outbox.count > 32 << 10 }
    }

    private func tear(_ client: Int, isReset: Bool) {
        guard let link = links[client] else { return }
        network[link.descriptor].isGone = true
        network[link.descriptor].isReset = isReset
    }

    /// The connection is no more, on whichever side it began.
    private func lose(_ client: Int, _ link: Link) -> String? {
        var wrong: String?
        if !network[link.descriptor].isReset, !network[link.descriptor].toClient.isEmpty {
            wrong = clients[client].receive(network[link.descriptor].toClient, now: now, mayRefuse: true)
        }
        clients[client].lose(now: now)
        network.forget(link.descriptor)
        links[client] = nil
        counts[.breaks] += 1
        return wrong.map { "client \(client), whose connection has ended: \($0)" }
    }

    // MARK: The server

    private func round(_ worker: Int, _ random: inout SplitMix) -> String? {
        for link in links {
            guard let link, link.place.worker == worker else { continue }
            let isDue =
                switch server.wants(link.place) {
                case .input: network[link.descriptor].unreadCount > 0 || network[link.descriptor].isGone
                case .room:
                    network[link.descriptor].isGone
                        || network[link.descriptor].window > network[link.descriptor].toClient.count
                case .nothing: false
                }
            if isDue || random.below(8 * max(settings.faultShare, 1)) == 0, server.wants(link.place) != .nothing {
                server.setDue(link.place)
            }
        }
        server.round(of: worker)
        return takeEnded(worker)
    }

    /// Connections that the server has closed: because the client had, or for a reason that it counts.
    private func takeEnded(_ worker: Int) -> String? {
        let mine = links.indices.filter { links[$0]?.place.worker == worker }
        if server.connectionCount(of: worker) == mine.count { return nil }
        var unexplained = 0
        for client in mine {
            guard let link = links[client], !server.isOpen(link.place) else { continue }
            if !network[link.descriptor].isGone { unexplained += 1 }
            if let wrong = lose(client, link) { return wrong }
        }
        let kicks = server.kicks.budget + server.kicks.idle + server.kicks.memory
        counts[.kicks] += Int(kicks - kicksSeen)
        // One that is told why goes some time after it was counted.
        explained += Int(kicks - kicksSeen) - unexplained
        kicksSeen = kicks
        return explained < 0 ? "\(-explained) more connections closed than there was a reason for" : nil
    }

    // MARK: The end

    /// Everything is answered, and nothing is held afterwards.
    private func settle() -> String? {
        network.faultShare = 0
        network.allocationFaultShare = 0
        var random = SplitMix(seed: 0)
        for turn in 0..<20_000 {
            for client in clients.indices {
                if let link = links[client] { network[link.descriptor].window = 1 << 20 }
                send(client, &random)
                if let wrong = read(client, &random) { return wrong }
            }
            for worker in 0..<settings.workerCount {
                if let wrong = round(worker, &random) { return wrong }
            }
            // Who waits for room may wait for the next second.
            if turn % 50 == 49 { server.advance(seconds: 1) }
            if clients.allSatisfy({ $0.waitingCount == 0 && $0.sentCount == $0.outbox.count }) { break }
        }
        if let client = clients.firstIndex(where: { $0.waitingCount > 0 }) {
            return "client \(client) still waits for \(clients[client].waitingCount) answers"
        }
        for client in clients.indices { tear(client, isReset: false) }
        for _ in 0..<4 {
            for worker in 0..<settings.workerCount {
                if let wrong = round(worker, &random) { return wrong }
            }
        }
        if links.contains(where: { $0 != nil }) { return "connections stay that their clients have closed" }
        let budget = server.context.pointee.budget.copiedBytes + server.context.pointee.budget.leasedBytes
        if budget != 0 { return "\(budget) bytes of the buffer budget are still taken" }
        return server.context.pointee.store._brokenInvariant(expectedReservations: 0, expectedLeases: 0)
    }
}
