import Glibc
import Synchronization

/// Stderr, or another descriptor in its place: where the log goes, without anybody waiting for whoever reads it.
///
/// All threads have something to say now and then. One who waited for a reader that stands still (a pipe that nobody
/// empties) would serve nobody meanwhile.
///
/// 1. A line is written if the descriptor takes it at once; otherwise it is left out and counted. The count is told in
///    front of the next line that finds room, or with the server's tick.
/// 2. The descriptor is asked (`poll`), not made non-blocking: that would hold for all who share the open file, such as
///    the shell that has started the server.
/// 3. A line has at most `Limits.logLineBytesMax`: a pipe that has room at all takes as much. (A terminal may have room
///    for less; lines that clients bring about are shorter.) The lock keeps two threads from finding the same room.
///    What another process on the same pipe does in between is beyond it, and so is libevent's line, if it ever has one.
///
/// A file always has room: who writes to one may wait for its disk.
package struct LogOutput: ~Copyable {
    private let descriptor: Int32
    private let turn = Mutex(())
    /// Lines left out that have not been told. Written by whoever has the turn.
    private let leftOut = Atomic<Int>(0)

    package static let standardError = LogOutput(descriptor: STDERR_FILENO)

    package init(descriptor: Int32) { self.descriptor = descriptor }

    /// Writes `line` and a line end, or leaves it out.
    package borrowing func write(_ line: String) {
        turn.withLock { _ in
            tellLeftOutLocked()
            let isWritten = leftOut.load(ordering: .relaxed) == 0 && put(line)
            if !isWritten { leftOut.add(1, ordering: .relaxed) }
        }
    }

    /// Tells of lines that were left out, here or, `more`, by whoever bounds their number.
    package borrowing func tellLeftOut(_ more: Int = 0) {
        turn.withLock { _ in
            leftOut.add(more, ordering: .relaxed)
            tellLeftOutLocked()
        }
    }

    private borrowing func tellLeftOutLocked() {
        let count = leftOut.load(ordering: .relaxed)
        if count > 0, put("log: \(count) lines left out") { leftOut.store(0, ordering: .relaxed) }
    }

    /// Returns whether the descriptor has taken the line.
    private borrowing func put(_ line: String) -> Bool {
        var asked = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        // Where asking is not possible (a filter of system calls, no descriptors at all), a log is worth the risk.
        guard poll(&asked, 1, 0) < 0 || asked.revents & Int16(POLLOUT) != 0 else { return false }
        var line = Self.cut(line)
        line.append("\n")
        return line.withUTF8 { Glibc.write(descriptor, $0.baseAddress, $0.count) } > 0
    }

    private static func cut(_ line: String) -> String {
        guard line.utf8.count >= Limits.logLineBytesMax else { return line }
        // A character that is cut becomes a sign of three bytes.
        return String(decoding: line.utf8.prefix(Limits.logLineBytesMax - 8), as: UTF8.self) + "..."
    }
}
