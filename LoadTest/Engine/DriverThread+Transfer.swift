import CShims
import Glibc
import LoadWorkload
import Synchronization

/// Bytes in and out of sockets.
extension UnsafeMutablePointer where Pointee == DriverThread {
    /// Reads what is there, which is told only once.
    ///
    /// 1. Less than was asked for is all there is, and what comes later is told again.
    /// 2. An end that is told together with the last bytes is read behind them.
    func receiveAll(_ connection: UnsafeMutablePointer<Connection>, _ due: UInt32) {
        let isLast = due & (CSHIMS_POLL_CLOSED | CSHIMS_POLL_BROKEN) != 0
        var took = receive(connection)
        while took == .everything || took == .some && isLast, connection.pointee.state == .open {
            took = receive(connection)
        }
    }

    /// How much of what was asked for a read brought.
    private enum Took: BitwiseCopyable { case nothing, some, everything }

    /// Reads once, answers what is complete, keeps the rest, and sends what there is room for now.
    @inline(__always)
    private func receive(_ connection: UnsafeMutablePointer<Connection>) -> Took {
        let kept = connection.pointee.partial.count
        let start: UnsafeMutableRawPointer
        let room: Int
        if kept <= LoadLimits.movedBytesMax {
            start = pointee.input
            room = LoadLimits.inputBytes
            if kept > 0 { start.copyMemory(from: connection.pointee.partial.reserve(kept), byteCount: kept) }
        } else {
            room = kept + LoadLimits.inputBytes
            start = connection.pointee.partial.reserve(room + LoadLimits.readAheadBytes)
        }
        let got = cshims_receive(connection.pointee.descriptor, start + kept, room - kept)
        guard got > 0 else {
            if got < 0, errno == EAGAIN { return .nothing }
            if got < 0, errno == EINTR { return .everything }
            let reason = got == 0 ? "closed the connection" : String(cString: strerror(errno))
            breakOff(connection, "\(address(of: connection)): \(reason).")
            return .nothing
        }
        if pointee.isMeasuring { pointee.tally.counts[Int(connection.pointee.server)].receivedBytes &+= got }
        let count = kept &+ got
        let used = answer(connection, start, count)
        endRun(connection)
        guard used >= 0 else { return .nothing }
        if kept <= LoadLimits.movedBytesMax {
            connection.pointee.partial.count = 0
            if used < count { connection.pointee.partial.append(start + used, count - used) }
        } else {
            connection.pointee.partial.count = count
            connection.pointee.partial.drop(used)
        }
        advance(connection)
        return got == room &- kept ? .everything : .some
    }

    /// Answers requests from the bytes, oldest first. Returns how many bytes were used; -1 when the connection is
    /// broken.
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
        var sent = cshims_send(connection.pointee.descriptor, start, count)
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
        watch(connection, DriverThread.interest | CSHIMS_POLL_WRITABLE)
    }

    /// Sends what had to wait.
    func sendRest(_ connection: UnsafeMutablePointer<Connection>) {
        guard connection.pointee.awaitsRoom else { return }
        let from = connection.pointee.unsentStart
        let count = connection.pointee.unsent.count - from
        let start = connection.pointee.unsent.reserve(0) + from
        let sent = cshims_send(connection.pointee.descriptor, start, count)
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
        watch(connection, DriverThread.interest)
    }

    func watch(_ connection: UnsafeMutablePointer<Connection>, _ interest: UInt32) {
        _ = cshims_poll_change(pointee.poll, connection.pointee.descriptor, interest, connection)
    }

    func address(of connection: UnsafeMutablePointer<Connection>) -> String {
        pointee.connectors[Int(connection.pointee.server)].address.description
    }
}
