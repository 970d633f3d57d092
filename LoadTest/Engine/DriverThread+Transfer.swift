import CShims
import Glibc
import LoadWorkload
import Synchronization

/// Bytes in and out of sockets.
extension UnsafeMutablePointer where Pointee == DriverThread {
    /// Reads once, answers what is complete, keeps the rest, and sends what there is room for now.
    func receive(_ connection: UnsafeMutablePointer<Connection>) {
        let kept = connection.pointee.partial.count
        let start: UnsafeMutableRawPointer
        let room: Int
        if kept <= LoadLimits.movedBytesMax {
            start = pointee.input
            room = LoadLimits.inputBytes
            if kept > 0 { start.copyMemory(from: connection.pointee.partial.reserve(kept), byteCount: kept) }
        } else {
            room = kept + LoadLimits.inputBytes
            start = connection.pointee.partial.reserve(room)
        }
        let got = recv(connection.pointee.descriptor, start + kept, room - kept, 0)
        guard got > 0 else {
            if got < 0, errno == EAGAIN || errno == EINTR { return }
            let reason = got == 0 ? "closed the connection" : String(cString: strerror(errno))
            breakOff(connection, "\(address(of: connection)): \(reason).")
            return
        }
        if pointee.isMeasuring { pointee.tally.counts[Int(connection.pointee.server)].receivedBytes &+= got }
        let count = kept &+ got
        let used = answer(connection, start, count)
        endRun(connection)
        guard used >= 0 else { return }
        if kept <= LoadLimits.movedBytesMax {
            connection.pointee.partial.count = 0
            if used < count { connection.pointee.partial.append(start + used, count - used) }
        } else {
            connection.pointee.partial.count = count
            connection.pointee.partial.drop(used)
        }
        advance(connection)
    }

    /// Answers requests from the bytes, oldest first. Returns how many bytes were used; -1 when the connection is broken.
    private func answer(
        _ connection: UnsafeMutablePointer<Connection>, _ start: UnsafeMutableRawPointer, _ count: Int
    ) -> Int {
        var position = 0
        while position < count {
            guard connection.pointee.outstandingCount > 0 else {
                garble(connection, "order", nil, "sent \(count - position) bytes that nobody had asked for")
                return -1
            }
            let used = answerOldest(connection, UnsafeRawPointer(start) + position, count &- position)
            if used < 0 { return -1 }
            if used == 0 { return position }
            position &+= used
        }
        return position
    }

    /// Sends what was written to the output; what the kernel does not take waits at the connection.
    func sendOutput(_ connection: UnsafeMutablePointer<Connection>) {
        let count = pointee.output.count
        guard count > 0 else { return }
        pointee.output.count = 0
        let start = pointee.output.reserve(0)
        if pointee.isMeasuring { pointee.tally.counts[Int(connection.pointee.server)].sentBytes &+= count }
        // No SIGPIPE: a broken connection is told by the call.
        var sent = send(connection.pointee.descriptor, start, count, SocketConnector.noSignal)
        if sent == count { return }
        if sent < 0 {
            guard errno == EAGAIN || errno == EINTR else {
                breakOff(connection, "\(address(of: connection)): \(String(cString: strerror(errno))).")
                return
            }
            sent = 0
        }
        connection.pointee.unsent.append(start + sent, count - sent)
        connection.pointee.awaitsRoom = true
        watch(connection, CSHIMS_POLL_READABLE | CSHIMS_POLL_WRITABLE)
    }

    /// Sends what had to wait.
    func sendRest(_ connection: UnsafeMutablePointer<Connection>) {
        guard connection.pointee.awaitsRoom else { return }
        let from = connection.pointee.unsentStart
        let count = connection.pointee.unsent.count - from
        let start = connection.pointee.unsent.reserve(0) + from
        let sent = send(connection.pointee.descriptor, start, count, SocketConnector.noSignal)
        if sent < 0 {
            if errno == EAGAIN || errno == EINTR { return }
            breakOff(connection, "\(address(of: connection)): \(String(cString: strerror(errno))).")
            return
        }
        connection.pointee.unsentStart += sent
        guard sent == count else { return }
        connection.pointee.unsent.count = 0
        connection.pointee.unsentStart = 0
        connection.pointee.awaitsRoom = false
        watch(connection, CSHIMS_POLL_READABLE)
    }

    func watch(_ connection: UnsafeMutablePointer<Connection>, _ interest: UInt32) {
        _ = cshims_poll_change(pointee.poll, connection.pointee.descriptor, interest, connection)
    }

    func address(of connection: UnsafeMutablePointer<Connection>) -> String {
        pointee.connectors[Int(connection.pointee.server)].address.description
    }
}
