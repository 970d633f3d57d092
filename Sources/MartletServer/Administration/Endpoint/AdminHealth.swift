/// Whether the server lives, and whether it should get work.
enum AdminHealth {
    /// 503 when a worker has been in the same round for long: a new process would be better then.
    static func liveness(_ server: Administration.Server) -> AdminReply {
        let now = TurnCounts.now
        for worker in server.pointee.workers {
            guard let counts = worker.pointee.turnCounts else { continue }
            let start = counts.pointee.roundStart.load(ordering: .relaxed)
            if start > 0, now > start, now - start > UInt64(Limits.stuckSecondsMin) * 1_000_000_000 {
                return AdminReply(
                    503, "Service Unavailable",
                    "worker \(worker.pointee.index) has been at it for \((now - start) / 1_000_000_000) seconds")
            }
        }
        return AdminReply(200, "OK", "ok")
    }

    /// 503 when the server is stopping, and when it accepts nobody: `-c` is reached.
    static func readiness(_ server: Administration.Server) -> AdminReply {
        guard server.pointee.stopRequest.kind == .none else {
            return AdminReply(503, "Service Unavailable", "stopping")
        }
        let isFull = server.pointee.connectionCount >= server.pointee.settings.connectionsMax
        guard server.pointee.listenerCounters.isPaused.value == 0, !isFull else {
            return AdminReply(503, "Service Unavailable", "there are too many connections")
        }
        return AdminReply(200, "OK", "ok")
    }
}
