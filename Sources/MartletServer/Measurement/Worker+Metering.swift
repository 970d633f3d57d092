import Glibc
import MartletProtocol
import MartletStore

/// Turns with a meter.
extension UnsafeMutablePointer where Pointee == Worker {
    @inline(never)
    func takeMeteredTurn(_ connection: UnsafeMutablePointer<Connection>, _ meter: UnsafeMutablePointer<TurnMeter>) {
        takeMetered(connection.pointee.peer, meter) { connection.takeTurn() }
    }

    /// A turn of the connection with `peer`, which may be gone afterwards. `first` is its first request, if that has
    /// been gathered. What was looked into is settled by the caller if not here.
    @inline(never)
    func takeMetered(
        _ peer: PeerAddress, _ meter: UnsafeMutablePointer<TurnMeter>,
        first: UnsafeMutablePointer<BatchedRequest>? = nil, settles: Bool = true, _ body: () -> Void
    ) {
        let executor = pointee.executor
        executor.pointee.isSampled = meter.pointee.beginTurn()
        if let first {
            executor.pointee.batch.pointee = first.pointee
        } else {
            // What a turn without a request leaves, `tellSlowTurn` can tell from a request.
            executor.pointee.batch.pointee.line = UnsafeRawPointer(executor.pointee.batch)
        }
        body()
        executor.pointee.isSampled = false
        if settles { meter.pointee.settleSample() }
        if let nanoseconds = meter.pointee.endTurn() { tellSlowTurn(meter, peer, nanoseconds: nanoseconds) }
    }

    /// Datagrams that are due: a round of their own, since they are answered when the loop finds them.
    func takeMeteredDatagrams(_ body: () -> Void) {
        pointee.meter?.pointee.beginRound()
        body()
        pointee.meter?.pointee.endRound()
    }

    /// One datagram's turn, its answer included.
    @inline(never)
    func takeMeteredDatagram(from sender: UnsafePointer<sockaddr_storage>, _ body: () -> Void) {
        guard let meter = pointee.meter else { return body() }
        takeMetered(PeerAddress(sender), meter, body)
    }

    /// Tells of a slow turn, with the first request of its last batch: which is all of it, but for the longest turns.
    private func tellSlowTurn(
        _ meter: UnsafeMutablePointer<TurnMeter>, _ peer: PeerAddress, nanoseconds: UInt64
    ) {
        var event = WatchedEvent(.slowTurn)
        event.stamp()
        event.peer = peer
        event.valueBytes = Int64(truncatingIfNeeded: nanoseconds / 1000)
        event.status = UInt8(truncatingIfNeeded: pointee.index)
        event.command = Command.unknown.rawValue
        var key = UnsafeRawBufferPointer(start: nil, count: 0)
        let place = pointee.executor.pointee.batch
        let offset = place.pointee.line - UnsafeRawPointer(pointee.readBuffer)
        // Input that was kept for the connection may be gone by now; the worker's own buffer is not.
        if (0..<Limits.readBufferBytes).contains(offset), place.pointee.outcome == .request {
            let request = place.pointee.request
            event.command = request.command.rawValue
            let end = offset + Int(request.key.offset) + Int(request.key.count)
            let isKey = (1...WireLimits.keyBytesMax).contains(Int(request.key.count))
            if isKey, end <= Limits.readBufferBytes, meter.pointee.keepsKeys {
                key = UnsafeRawBufferPointer(
                    start: place.pointee.line + Int(request.key.offset), count: Int(request.key.count))
            }
        }
        event.keyBytes = UInt16(truncatingIfNeeded: key.count)
        _ = meter.pointee.counts.pointee.ring.append(event, key: key)
    }
}

/// What a sampled turn notes of its requests.
extension UnsafeMutablePointer where Pointee == Executor {
    @inline(never)
    func noteSampled(_ command: Command) { pointee.meter?.pointee.count(CommandKind(command)) }

    @inline(never)
    func noteSampled(_ key: ItemKey) {
        guard let meter = pointee.meter, meter.pointee.keepsKeys else { return }
        var event = WatchedEvent(.sampledKey)
        event.keyBytes = UInt16(truncatingIfNeeded: key.count)
        _ = meter.pointee.counts.pointee.ring.append(
            event, key: UnsafeRawBufferPointer(start: key.bytes, count: key.count))
    }
}
