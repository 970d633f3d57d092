import CShims
import Glibc
import MartletEvent
import MartletProtocol
import MartletStore
import Synchronization

// The admin endpoint: metrics, health and a dashboard over HTTP, for operators.
//
// Goals: what it tells is what `stats` tells; workers do nothing for a request to it; whatever is sent to it costs
// bounded memory and this one thread's time.
// Non-goals: changing anything; TLS (a proxy, or the loopback, is in front of it); a web framework.
//
//     worker --TurnMeter: counters, ring--> |               | <--HTTP-- Prometheus, probes, a browser
//     worker --TurnMeter: counters, ring--> | AdminEndpoint |
//     store  <-------- statistics() ------- | (one thread)  |
//
// Threads: all of it belongs to the admin thread, but for `start` and `stop`.

/// Serves `--admin`: figures once a second into the history, and to whoever asks.
final class AdminEndpoint: @unchecked Sendable {
    // Unchecked: made by the main thread before the admin thread starts, and freed after that has ended; in between it
    // is the admin thread's, but for the wakeup, the order to stop, and the word that requests have to bear.

    private let server: Administration.Server
    private let access: Mutex<AdminAccess>
    /// Where it listens; closed with the endpoint.
    let sockets: [ListeningSocket]
    private let isStopping = Atomic<Bool>(false)
    private var thread: ServerThread?
    // Fields end in the order of their declaration, and these are attached to the loop.
    private var http: HTTPServer?
    private var wakeup: LoopWakeup?
    private var second: EventTimer?
    private var look: EventTimer?
    private let loop: EventLoop

    /// What somebody has asked for last.
    private var asked: ServerFigures?
    /// The report about those figures, if somebody has asked for it.
    private var reported: (takenAt: UInt64, body: [UInt8])?
    private var latest: ServerFigures
    /// The figures of each tenth second, for advice about the last five minutes.
    private var landmarks: [ServerFigures] = []
    private var history = History()
    private var keys = KeyCounts(capacity: Limits.countedKeysMax)
    private var slowTurns: [SlowTurn] = []
    private var seconds = 0

    private static let landmarkSeconds = 10
    private static let landmarksMax = 30

    /// Opens the listening sockets. Before it, workers have been made; none runs.
    init(server: Administration.Server) throws(StartError) {
        self.server = server
        let settings = server.pointee.settings
        guard let loop = EventLoop() else { throw Self.outOfDescriptors }
        let token = try AdminToken.read(settings)
        sockets = try AdminAddress.open(settings.adminAddress ?? "")
        access = Mutex(AdminAccess(token: token, isLoopback: sockets.allSatisfy { AdminAddress.isLoopback($0) }))
        self.loop = loop
        latest = ServerFigures(server)
        landmarks = [latest]
        try attach()
    }

    private func attach() throws(StartError) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        wakeup = LoopWakeup(
            loop: loop, callback: { _, _, context in AdminEndpoint.of(context).wakeup?.acknowledge() }, context: context
        )
        var bounds = HTTPServer.Bounds()
        bounds.headerBytesMax = Limits.adminHeaderBytesMax
        bounds.bodyBytesMax = Limits.adminBodyBytesMax
        bounds.silentSecondsMax = Limits.adminSilentSecondsMax
        bounds.requestSecondsMax = Limits.adminRequestSecondsMax
        bounds.connectionsMax = Limits.adminConnectionsMax
        http = HTTPServer(
            loop: loop, bounds: bounds,
            callback: { request, context in
                guard let request else { return }
                AdminEndpoint.of(context).answer(HTTPRequest(request))
            }, context: context)
        guard wakeup != nil, http != nil else {
            for socket in sockets { socket.close() }
            throw Self.outOfDescriptors
        }
        for (index, socket) in sockets.enumerated() where http?.listen(socket.descriptor) != true {
            for socket in sockets[index...] { socket.close() }
            throw Self.outOfDescriptors
        }
        second = EventTimer(
            loop: loop, periodMilliseconds: 1000,
            callback: { _, _, context in AdminEndpoint.of(context).secondHasPassed() }, context: context)
        _ = second?.start()
        guard server.pointee.settings.samplesKeys else { return }
        look = EventTimer(
            loop: loop, periodMilliseconds: Limits.meterPauseMilliseconds,
            callback: { _, _, context in AdminEndpoint.of(context).takeEvents() }, context: context)
        _ = look?.start()
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> AdminEndpoint {
        Unmanaged<AdminEndpoint>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }

    private static let outOfDescriptors = StartError("the system gives no more descriptors", status: ExitStatus.system)

    // MARK: The thread

    /// Returns false when the system gives no thread.
    func start() -> Bool {
        thread = ServerThread.start(context: Unmanaged.passUnretained(self).toOpaque()) { context in
            AdminEndpoint.of(context).run()
            return nil
        }
        return thread != nil
    }

    /// Ends the thread. Workers may still run.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        wakeup?.wake()
        thread?.join()
        thread = nil
    }

    /// SIGHUP: reads the token's file again; a bad one changes nothing, and is told. The main thread only.
    func reload() {
        do throws(StartError) {
            let token = try AdminToken.read(server.pointee.settings)
            access.withLock { $0 = AdminAccess(token: token, isLoopback: $0.isLoopback) }
        } catch {
            ServerLog.write("\(error.message); the token stays as it was")
        }
    }

    private func run() {
        ServerThread.nameCurrent("admin")
        http?.countOwnDescriptors()
        var waits = true
        while !isStopping.load(ordering: .acquiring) {
            if loop.turn(waits: waits) == .failed { return }
            waits = http?.tend(now: TurnCounts.now) ?? true
        }
    }

    // MARK: Figures

    private func secondHasPassed() {
        guard server.pointee.hasMemoryForAnswer else { return }
        takeEvents()
        let now = ServerFigures(server)
        chooseStrides(latest, now)
        history.append(HistoryRow(from: latest, to: now, wallMilliseconds: Self.wallMilliseconds))
        latest = now
        seconds += 1
        if seconds % 60 == 0 { keys.wearDown() }
        guard seconds % Self.landmarkSeconds == 0 else { return }
        landmarks.append(now)
        if landmarks.count > Self.landmarksMax { landmarks.removeFirst() }
    }

    /// How many turns are looked into: all, while they are few (TurnMeter.swift, rule 2).
    private func chooseStrides(_ earlier: ServerFigures, _ now: ServerFigures) {
        for (index, worker) in server.pointee.workers.enumerated() {
            let isBusy = now.workers[index].turns - earlier.workers[index].turns > Limits.turnsAllSampledMax
            worker.pointee.turnCounts?.pointee.stride.store(isBusy ? TurnMeter.sampledTurns : 1, ordering: .relaxed)
        }
    }

    /// The figures of this moment, or of a moment ago if somebody has asked then.
    private var current: ServerFigures {
        if let asked, TurnCounts.now &- asked.takenAt <= UInt64(Limits.sampleMillisecondsMax) * 1_000_000 {
            return asked
        }
        let figures = ServerFigures(server)
        asked = figures
        return figures
    }

    /// What the workers have told: keys, and turns that were slow. Of each so much at a time that one who tells more
    /// and more cannot keep it.
    private func takeEvents() {
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 16) { room in
            for worker in server.pointee.workers {
                guard let counts = worker.pointee.turnCounts else { continue }
                for _ in 0..<Limits.meterEventsMax {
                    guard let event = counts.pointee.ring.next(key: room) else { break }
                    let key = UnsafeRawBufferPointer(rebasing: room[..<Int(event.keyBytes)])
                    if event.kind == .sampledKey { keys.add(key) } else { note(event, Array(key)) }
                }
            }
        }
    }

    private func note(_ event: WatchedEvent, _ key: [UInt8]) {
        let name = Command(rawValue: event.command).map { "\($0.word)" } ?? ""
        slowTurns.append(
            SlowTurn(
                wallMilliseconds: Int(event.seconds) * 1000 + Int(event.microseconds) / 1000,
                worker: Int(event.status), microseconds: Int(event.valueBytes), command: name, key: key,
                client: event.peer.name ?? "unix"))
        if slowTurns.count > Limits.slowTurnsMax { slowTurns.removeFirst() }
    }

    private static var wallMilliseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int(time.tv_sec) * 1000 + Int(time.tv_nsec) / 1_000_000
    }

    // MARK: Requests

    private func answer(_ request: HTTPRequest) {
        http?.noteRequest(request, now: TurnCounts.now)
        let reply = reply(to: request)
        request.reply(status: reply.status, reason: reply.reason, fields: reply.allFields, body: reply.body)
    }

    private func reply(to request: HTTPRequest) -> AdminReply {
        let target = AdminTarget(request.target)
        if target.path == "/healthz" { return AdminHealth.liveness(server) }
        if target.path == "/readyz" { return AdminHealth.readiness(server) }
        // How it is, is told in any case: who hears nothing of that may end the process.
        guard server.pointee.hasMemoryForAnswer else { return .withoutMemory }
        let access = access.withLock { $0 }
        switch access.verdict(authorization: request.field("Authorization"), host: request.field("Host")) {
        case .unknown: return .unknown
        case .foreignHost: return .foreignHost
        case .allowed: return reply(to: target)
        }
    }

    private func reply(to target: AdminTarget) -> AdminReply {
        server.pointee.administration.usedRareText.store(true, ordering: .relaxed)
        switch target.path {
        case "/":
            return AdminReply(200, "OK", type: AdminReply.page, body: DashboardPage.bytes)
        case "/metrics":
            return AdminReply(200, "OK", type: AdminReply.metrics, body: ServerMetrics(current).text.bytes)
        case "/stats.json":
            return AdminReply(200, "OK", type: AdminReply.json, body: reportBody)
        case "/history.json":
            let body = history.json(after: target.number("after") ?? 0, workerCount: latest.workers.count)
            return AdminReply(200, "OK", type: AdminReply.json, body: body)
        default: return .notFound
        }
    }

    /// The same for all who ask within the moment: to ask all connections how they are takes each worker's lock.
    private var reportBody: [UInt8] {
        let now = current
        if let reported, reported.takenAt == now.takenAt { return reported.body }
        takeEvents()
        let body = report(now).json()
        reported = (now.takenAt, body)
        return body
    }

    private func report(_ now: ServerFigures) -> AdminReport {
        let isTold = server.pointee.topology.isTold
        return AdminReport(
            figures: now, advice: landmarks.first.map { Advice.about($0, now) } ?? [], keys: keys, slowTurns: slowTurns,
            clients: server.pointee.connectionSnapshots().filter { $0.state != "conn_listening" },
            nodes: isTold ? String(decoding: server.pointee.topology.payload, as: UTF8.self) : nil,
            defaults: SettingsReport.changed(Administration.shownSettings(server)))
    }
}
