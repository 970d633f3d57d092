// A server under faults, simulated: its listener, workers, connections, protocol, execution, store and maintenance as
// they are, on a clock, a network and an order of events that come from a seed.
//
//     SimulationEvent.script   seed to events          SimulatedClient  commands, and what may be answered
//     Simulation               runs them               SimulatedNetwork short, empty, torn reads, sends, accepts
//     Simulation+Links         connections, from being accepted to their end
//     ReplyJudge               answers, in text (ReplyText) and binary (ReplyPacket); before a login (SimulatedLogin)
//     SimulationShrinker       fewer events that still fail
//
// Goals: faults far above real rates; every answer judged; a failing seed becomes a short list of events that fails by
// itself.
// Non-goals: threads (the thread sanitizer's), the kernel (`./martlet exhaust`), several clients on one key (the checks
// of histories) and TLS.

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
            case binaryCommands = "commands in binary", logins, flushes
            case growth = "buckets added", pageMoves = "pages moved", relocations = "items moved with them"
            case unixTimes = "absolute times", wallSteps = "clocks set anew"
            case shortReads = "short reads", shortSends = "short sends", emptyCalls = "empty calls"
            case breaks = "broken connections", kicks = "closed by the server"
            case failedAllocations = "failed allocations", memoryKicks = "closed for want of memory"
            case refusedConnections = "connections without memory"
            case failedAccepts = "failed accepts", abortedConnections = "torn before they were accepted"
            case rejections = "connections too many", pauses = "pauses of accepting"
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

    struct Link {
        let descriptor: Int32
        /// nil before a worker has it.
        var place: SteppedServer.Place?
        /// The server had a reason to close it and has counted that, but has something to send before.
        var isEnding = false
    }

    let settings: SimulationSettings
    let network = SimulatedNetwork()
    let server: SteppedServer
    var clients: [SimulatedClient]
    var links: [Link?]
    var kicksSeen: UInt64 = 0
    var counts = Counts()
    /// Changes what a client is about to read: for tests that wrong answers are found.
    package var falsify: ((inout [UInt8]) -> Void)?
    /// How far the clients' clocks are from the server's, in seconds.
    private var wallStep: Int64 = 0

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
        if settings.isCrowded { made.connectionsMax = SimulationSettings.connectionsMax }
        made.rejectsOverLimit = !settings.pausesOverLimit
        if settings.demandsLogin {
            guard let path = SimulatedLogin.makeFile() else {
                throw Failure(event: 0, reason: "no file of credentials")
            }
            made.authFilePath = path
        }
        defer { if let path = made.authFilePath { unlink(path) } }
        network.faultShare = settings.faultShare
        network.allocationFaultShare = settings.allocationFaultShare
        server = try SteppedServer(made, secret: (settings.seed | 1, ~settings.seed | 1), syscalls: network.table)
        let facts = SimulatedClient.ServerFacts(
            evicts: settings.evicts, itemBytesMax: SimulationSettings.itemBytesMax, isDense: settings.isDense,
            demandsLogin: settings.demandsLogin, tells: tells)
        clients = (0..<settings.clientCount).map { SimulatedClient(number: $0, facts) }
        links = clients.map { _ in nil }
    }

    var now: UInt32 { server.context.pointee.clock.second }

    private var clocks: SimulatedClient.Clocks {
        SimulatedClient.Clocks(
            second: now, wall: server.context.pointee.clock.wall + wallStep,
            wallOffset: server.context.pointee.clock.wallOffset)
    }

    /// Runs all events, then everything to its end without faults. What it has met; throws what was wrong.
    package func run(_ events: [SimulationEvent]) throws(Failure) -> Counts {
        for (number, event) in events.enumerated() {
            if let reason = run(event) { throw Failure(event: number, reason: reason) }
        }
        if let reason = settle() { throw Failure(event: events.count - 1, reason: "at the end: \(reason)") }
        for client in clients {
            counts[.commands] += client.commandCount
            counts[.binaryCommands] += client.binaryCommandCount
            counts[.logins] += client.loginCount
            counts[.hits] += client.hits
            counts[.misses] += client.misses
            counts[.refusals] += client.refusals
            counts[.unixTimes] += client.unixTimeCount
        }
        let statistics = server.context.pointee.store.statistics()
        counts[.evictions] = statistics.classes.reduce(0) { $0 + $1.evicted }
        counts[.pageMoves] = statistics.pagesMoved
        counts[.relocations] = statistics.itemsRelocated
        noteGrowth()
        counts[.failedAccepts] = network.failedAccepts
        counts[.rejections] = Int(server.rejectedCount)
        counts[.pauses] = Int(server.pauseCount)
        counts[.shortReads] = network.shortReads
        counts[.shortSends] = network.shortSends
        counts[.emptyCalls] = network.emptyCalls
        counts[.failedAllocations] = network.failedAllocations
        counts[.memoryKicks] = Int(server.kicks.memory)
        return counts
    }

    /// The most that the table has had.
    private func noteGrowth() {
        counts[.growth] = max(counts[.growth], server.context.pointee.store._addedBucketCount)
    }

    private func run(_ event: SimulationEvent) -> String? {
        var random = SplitMix(seed: event.seed)
        network.random = random
        switch event.kind {
        case .ask: clients[event.number].ask(event.seed, clocks)
        case .send: send(event.number, &random)
        case .read: return read(event.number, &random)
        case .close, .reset: tear(event.number, isReset: event.kind == .reset)
        case .accept: return accept()
        case .round: return round(event.number, &random)
        case .advance: server.advance(seconds: random.below(20) == 0 ? 100_000 : UInt32(1 + random.below(5)))
        case .step:
            wallStep = [-40 * 86_400, -3600, -30, -2, 0, 3, 60, 86_400][random.below(8)]
            counts[.wallSteps] += 1
        case .maintain:
            noteGrowth()
            _ = server.maintain()
        case .flush:
            noteGrowth()
            server.flush()
            for index in clients.indices { clients[index].flush() }
        case .limit:
            let megabytes = settings.memoryMegabytes + [0, 2, -1][random.below(3)]
            _ = server.context.pointee.store.setMemoryLimit(bytes: megabytes << 20)
        }
        return nil
    }

    // MARK: Clients

    func send(_ client: Int, _ random: inout SplitMix) {
        let left = clients[client].outbox.count - clients[client].sentCount
        guard left > 0, let descriptor = connect(client, &random) else { return }
        let count = random.below(settings.faultShare) == 0 ? 1 + random.below(min(left, 3000)) : left
        let start = clients[client].sentCount
        network[descriptor].toServer += clients[client].outbox[start..<start + count]
        clients[client].sentCount += count
    }

    func read(_ client: Int, _ random: inout SplitMix) -> String? {
        guard let link = links[client], !network[link.descriptor].toClient.isEmpty else { return nil }
        if let falsify { falsify(&network[link.descriptor].toClient) }
        let wrong = clients[client].receive(
            network[link.descriptor].toClient, now: now, mayRefuse: mayRefuse, mayBeFlushed: mayBeFlushed)
        network[link.descriptor].toClient.removeAll(keepingCapacity: true)
        noteFlush(by: client)
        return wrong.map { "client \(client): \($0)" }
    }

    /// A client's flush is carried out at some moment before its answer is read.
    var mayBeFlushed: Bool { clients.contains { $0.flushWaitingCount > 0 } }

    func noteFlush(by client: Int) {
        guard clients[client].takeFlush() else { return }
        counts[.flushes] += 1
        for index in clients.indices where index != client { clients[index].flush(isCertain: false) }
    }

    /// What a client holds may be what a small store would need: leases, and values half arrived. With dense keys that
    /// is so nearly all the time.
    private var mayRefuse: Bool {
        settings.isDense || server.context.pointee.budget.leasedBytes > 0 || server.parkedCount > 0
            || clients.contains { $0.waitingCount > 0 && $0.outbox.count > 32 << 10 }
    }

    func tear(_ client: Int, isReset: Bool) {
        guard let link = links[client] else { return }
        network[link.descriptor].isGone = true
        network[link.descriptor].isReset = isReset
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
                // So that there is room for the others.
                if settings.isCrowded, clients[client].isDone { tear(client, isReset: false) }
            }
            if let wrong = turnAll(&random) { return wrong }
            // Who waits for room may wait for the next second.
            if turn % 50 == 49 { server.advance(seconds: 1) }
            if clients.allSatisfy(\.isDone) { break }
        }
        if let client = clients.firstIndex(where: { !$0.isDone }) {
            return "client \(client) still waits for \(clients[client].waitingCount) answers"
        }
        for client in clients.indices { tear(client, isReset: false) }
        for _ in 0..<20 where links.contains(where: { $0 != nil }) {
            if let wrong = turnAll(&random) { return wrong }
        }
        if links.contains(where: { $0 != nil }) { return "connections stay that their clients have closed" }
        let counted = server.context.pointee.connectionCount
        if counted != 0 { return "\(counted) connections are still counted" }
        let budget = server.context.pointee.budget.copiedBytes + server.context.pointee.budget.leasedBytes
        if budget != 0 { return "\(budget) bytes of the buffer budget are still taken" }
        return server.context.pointee.store._brokenInvariant(expectedReservations: 0, expectedLeases: 0)
    }

    private func turnAll(_ random: inout SplitMix) -> String? {
        if let wrong = accept() { return wrong }
        for worker in 0..<settings.workerCount {
            if let wrong = round(worker, &random) { return wrong }
        }
        return nil
    }
}
