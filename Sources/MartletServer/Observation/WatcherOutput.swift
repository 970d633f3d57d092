import CShims
import Glibc

/// A watcher's socket and the lines on their way to it. The announcer's thread only.
///
/// 1. Lines gather in a buffer of `watcher_logbuf_size` bytes. One that finds no room is left out, and counted.
/// 2. When there is room again, a line says how many were left out, before anything else.
/// 3. What a watcher sends is read and forgotten; when it closes, so do we.
struct WatcherOutput {
    let socket: AcceptedSocket
    let tls: TLSSession?
    let streams: WatchStreams
    let firstNumber: UInt64
    /// Bytes of whole lines, the first `sent` of which are gone already.
    private var bytes: [UInt8]
    private var sent = 0
    private let bytesMax: Int
    private var skippedCount = 0
    private(set) var isClosed = false

    /// Room that a line needs besides its own bytes: for rule 2.
    private static let noticeBytesMax = 32

    init(_ watcher: Observation.Watcher, bytesMax: Int) {
        socket = watcher.socket
        tls = watcher.tls
        streams = watcher.streams
        firstNumber = watcher.firstNumber
        self.bytesMax = bytesMax
        bytes = Array("OK\r\n".utf8)
    }

    var hasOutput: Bool { sent < bytes.count }

    /// Whether the event concerns this watcher.
    func wants(_ event: WatchedEvent) -> Bool { streams.contains(event.stream) && event.number > firstNumber }

    /// Returns whether there was room.
    mutating func append(_ line: UnsafeRawBufferPointer) -> Bool {
        if bytes.count - sent + line.count + Self.noticeBytesMax > bytesMax {
            send()
            guard bytes.count - sent + line.count + Self.noticeBytesMax <= bytesMax else {
                skippedCount += 1
                return false
            }
        }
        if skippedCount > 0 {
            withUnsafeTemporaryAllocation(byteCount: Self.noticeBytesMax, alignment: 8) { notice in
                guard let start = notice.baseAddress else { return }
                let end = EventText.skipped(skippedCount, at: start)
                bytes.append(contentsOf: notice[..<(end - start)])
            }
            skippedCount = 0
        }
        bytes.append(contentsOf: line)
        return true
    }

    /// Gives the kernel as much as it takes.
    mutating func send() {
        while hasOutput, !isClosed {
            let outcome = bytes.withUnsafeBytes {
                give($0.baseAddress.unsafelyUnwrapped + sent, $0.count - sent)
            }
            switch outcome {
            case .count(let count): sent += count
            case .wantsWrite, .wantsRead: return forgetSent()
            case .closed, .failed, .lost: isClosed = true
            }
        }
        forgetSent()
    }

    private mutating func forgetSent() {
        guard sent > 0, sent == bytes.count || sent >= bytesMax / 2 else { return }
        bytes.removeFirst(sent)
        sent = 0
    }

    private func give(_ start: UnsafeRawPointer, _ count: Int) -> TLSOutcome {
        if let tls { return tls.write(start, count: count) }
        while true {
            let sent = cshims_send(socket.descriptor, start, count)
            if sent > 0 { return .count(sent) }
            if errno == EAGAIN { return .wantsWrite }
            if errno != EINTR { return .lost }
        }
    }

    /// Rule 3.
    mutating func receive() {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { room in
            guard let start = room.baseAddress else { return }
            if let tls { return receive(tls, start, room.count) }
            let count = cshims_receive(socket.descriptor, start, room.count)
            if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { isClosed = true }
        }
    }
    /// Also what is inside, of which the socket would not tell; so much of it that others have their turn.
    private mutating func receive(_ tls: TLSSession, _ start: UnsafeMutableRawPointer, _ count: Int) {
        var outcome = TLSOutcome.wantsRead
        for _ in 0..<Limits.watcherReadsMax {
            outcome = tls.read(into: start, count: count)
            if !tls.hasInput { break }
        }
        switch outcome {
        case .count, .wantsRead, .wantsWrite: break
        case .closed, .failed, .lost: isClosed = true
        }
    }
}
