import Glibc
import LoadEngine

/// What a server answered to a batch, cut at the markers.
package struct AnswerRow: Sendable {
    /// The answers to the probes from `first` to `last`: to one, unless markers in between were taken for something
    /// else.
    package struct Answer: Equatable, Sendable {
        package let first: Int
        package let last: Int
        package let bytes: [UInt8]
    }

    package let answers: [Answer]
    /// Behind the last marker that was answered.
    package let rest: [UInt8]
    package let isClosed: Bool

    package init(_ batch: ProbeBatch, _ bytes: [UInt8], isClosed: Bool) {
        var answers: [Answer] = []
        var position = 0
        var first = 0
        for index in batch.probes.indices {
            guard let found = Self.find(batch.markerAnswer(index), in: bytes, from: position) else { continue }
            answers.append(Answer(first: first, last: index, bytes: Array(bytes[position..<found.lowerBound])))
            position = found.upperBound
            first = index + 1
        }
        self.answers = answers
        rest = Array(bytes[position...])
        self.isClosed = isClosed
    }

    private static func find(_ wanted: [UInt8], in bytes: [UInt8], from start: Int) -> Range<Int>? {
        bytes.withUnsafeBytes { all in
            wanted.withUnsafeBytes { wanted in
                guard let base = all.baseAddress, let sought = wanted.baseAddress else { return nil }
                var position = start
                while position + wanted.count <= all.count {
                    guard let place = memchr(base + position, Int32(wanted[0]), all.count - wanted.count - position + 1)
                    else { return nil }
                    position = UnsafeRawPointer(place) - base
                    if memcmp(base + position, sought, wanted.count) == 0 { return position..<position + wanted.count }
                    position += 1
                }
                return nil
            }
        }
    }
}

/// A server under comparison and the connection to it.
package final class ProbedServer {
    private let connector: SocketConnector
    private var descriptor: Int32 = -1
    /// How long a server may say nothing while an answer is due.
    private let seconds = 60.0
    /// MSG_DONTWAIT.
    private static let withoutWaiting: Int32 = 0x40

    package init(_ address: ServerAddress) throws(LoadError) { connector = try SocketConnector(address) }

    deinit { close() }

    private func close() {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Sends a batch and receives until its last marker is answered, or the connection ends. An unsafe batch has a
    /// connection of its own, whose end tells the server that nothing more comes.
    package func ask(_ batch: ProbeBatch) throws(LoadError) -> AnswerRow {
        if batch.isUnsafe { close() }
        if descriptor < 0 { descriptor = try connector.connect(seconds: seconds) }
        let bytes = batch.bytes
        let end = batch.markerAnswer(batch.probes.count - 1)
        var sent = 0
        var received: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            if sent < bytes.count { sent += try send(bytes, from: sent) }
            if sent == bytes.count, batch.isUnsafe {
                _ = shutdown(descriptor, Int32(SHUT_WR))
                sent += 1
            }
            let count = recv(descriptor, &room, room.count, Self.withoutWaiting)
            if count > 0 {
                received += room[..<count]
                if !batch.isUnsafe, received.count >= end.count, received.suffix(end.count).elementsEqual(end) {
                    return AnswerRow(batch, received, isClosed: false)
                }
            } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
                close()
                // The end of an unsafe batch's connection says nothing: we ended it.
                return AnswerRow(batch, received, isClosed: true)
            } else {
                try wait(wantsToSend: sent < bytes.count)
            }
        }
    }

    private func send(_ bytes: [UInt8], from start: Int) throws(LoadError) -> Int {
        let count = bytes.withUnsafeBytes {
            Glibc.send(
                descriptor, $0.baseAddress.unsafelyUnwrapped + start, bytes.count - start,
                SocketConnector.noSignal | Self.withoutWaiting)
        }
        // Whoever has closed its end has still said something, perhaps.
        if count < 0, errno != EAGAIN, errno != EINTR { return bytes.count - start }
        return max(count, 0)
    }

    private func wait(wantsToSend: Bool) throws(LoadError) {
        var waiting = pollfd(fd: descriptor, events: Int16(wantsToSend ? POLLIN | POLLOUT : POLLIN), revents: 0)
        guard poll(&waiting, 1, Int32(seconds * 1000)) != 0 else {
            throw .circumstances("\(connector.address): no reply within \(seconds) s.")
        }
    }
}
