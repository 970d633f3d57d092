import MartletEvent
import MartletProtocol

/// What a connection tells those who watch, and how it becomes one of them.
extension UnsafeMutablePointer where Pointee == Connection {
    /// After `watch`: gives the socket to the announcer and is gone, or answers that there are too many watchers.
    @inline(never)
    func becomeWatcher() {
        let worker = pointee.worker
        let server = worker.pointee.server
        let socket = AcceptedSocket(
            descriptor: pointee.descriptor, listenerIndex: pointee.listenerIndex, peer: pointee.peer)
        // Two loops must not watch one socket.
        pointee.watcher.stop()
        let streams = pointee.machine.watchedStreams
        if server.pointee.observation.pointee.add(socket, pointee.tls, streams, now: worker.pointee.second) {
            // The announcer's by now.
            pointee.tls = nil
            _ = release {}
            return
        }
        guard watch(.readable) else { return }
        worker.pointee.output.pointee.append("WATCHER_TOO_MANY log watcher limit reached\r\n")
        pointee.resumes = true
        guard sendOutput() else { return }
        pointee.phase = .executing
        worker.appendReady(self)
    }

    /// With `-vv`: writes `><connection> <first line>` of the turn's replies to stderr.
    @inline(never)
    func noteReplies() {
        let worker = pointee.worker
        guard worker.pointee.executor.pointee.observer.pointee.wanted.contains(.log) else { return }
        let output = worker.pointee.output
        let bytes = UnsafeRawBufferPointer(start: output.pointee.bytes, count: output.pointee.byteCount)
        worker.pointee.server.pointee.log.writeBounded(
            2, at: worker.pointee.second, ">\(pointee.descriptor) \(LoggedLine.reply(bytes))")
    }

    /// Tells of an error of the connection's TLS session, in the library's words.
    @inline(never)
    func tellTLSError(_ reason: String) {
        let worker = pointee.worker
        guard worker.pointee.server.pointee.observation.pointee.wanted.contains(.connectionEvents) else { return }
        var event = WatchedEvent(.tlsError)
        event.descriptor = pointee.descriptor
        var text = String(reason.prefix(WireLimits.keyBytesMax))
        text.withUTF8 { worker.pointee.executor.pointee.observer.pointee.tell(event, key: UnsafeRawBufferPointer($0)) }
    }

    func tellOpened() { tell(.connectionOpened, .normal) }

    func tellClosed(_ reason: CloseReason) { tell(.connectionClosed, reason) }

    @inline(never)
    private func tell(_ kind: WatchedEvent.Kind, _ reason: CloseReason) {
        let worker = pointee.worker
        guard worker.pointee.server.pointee.observation.pointee.wanted.contains(.connectionEvents) else { return }
        var event = WatchedEvent(kind)
        event.status = reason.rawValue
        event.descriptor = pointee.descriptor
        event.peer = pointee.peer
        worker.pointee.executor.pointee.observer.pointee.tell(event)
    }
}
