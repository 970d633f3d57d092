import Glibc
import LoadEngine

/// A connection that waits for its answers, with a time limit on each wait.
package final class HotSocket {
    package let address: ServerAddress
    private let descriptor: Int32
    private let seconds: Double
    /// Received and not read yet, from `position` on.
    private var buffer: [UInt8] = []
    private var position = 0
    /// Where the line that was read last begins.
    private var lineStart = 0
    private(set) var sentBytes = 0
    private(set) var receivedBytes = 0
    private var room = [UInt8](repeating: 0, count: 65536)

    /// Gives up when nothing moves for `seconds`.
    package init(_ connector: SocketConnector, connectSeconds: Double = 3, seconds: Double = 10) throws(LoadError) {
        address = connector.address
        self.seconds = seconds
        descriptor = try connector.connect(seconds: connectSeconds)
    }

    deinit { close(descriptor) }

    private var deadline: UInt64 { MonotonicTime.now() + UInt64(seconds * 1e9) }

    func send(_ bytes: [UInt8]) throws(LoadError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress.unsafelyUnwrapped + sent, bytes.count - sent, SocketConnector.noSignal)
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN {
                guard SocketConnector.isReady(descriptor, POLLOUT, until: deadline) else {
                    throw .circumstances("\(address): takes no request within \(seconds) s.")
                }
            } else if errno != EINTR {
                throw .circumstances("\(address): \(String(cString: strerror(errno))).")
            }
        }
        sentBytes += sent
    }

    /// The next line, which stays; nil when it does not end in CR LF.
    func peek() throws(LoadError) -> String? {
        let line = try line()
        position = lineStart
        return line
    }

    /// The next line, without its end; nil when it does not end in CR LF.
    func line() throws(LoadError) -> String? {
        while true {
            if let end = buffer[position...].firstIndex(of: 10) {
                lineStart = position
                position = end + 1
                guard end > lineStart, buffer[end - 1] == 13 else { return nil }
                return String(decoding: buffer[lineStart..<end - 1], as: UTF8.self)
            }
            lineStart = position
            guard buffer.count - position <= Self.lineBytesMax else { return nil }
            try receive()
        }
    }

    /// No reply has a longer line: a key of 250 bytes, and flags.
    private static let lineBytesMax = 4096

    /// The next `count` bytes; nil when CR LF is missing behind them.
    func value(_ count: Int) throws(LoadError) -> [UInt8]? {
        while buffer.count - position < count + 2 { try receive() }
        defer { position += count + 2 }
        guard buffer[position + count] == 13, buffer[position + count + 1] == 10 else { return nil }
        return Array(buffer[position..<position + count])
    }

    /// The next `count` bytes, which stay.
    func peek(_ count: Int) throws(LoadError) -> [UInt8] {
        while buffer.count - position < count { try receive() }
        return Array(buffer[position..<position + count])
    }

    /// The next `count` bytes, whatever is behind them.
    func bytes(_ count: Int) throws(LoadError) -> [UInt8] {
        let bytes = try peek(count)
        position += count
        return bytes
    }

    private func receive() throws(LoadError) {
        buffer.removeFirst(position)
        position = 0
        while true {
            let got = recv(descriptor, &room, room.count, 0)
            if got > 0 {
                buffer += room[..<got]
                receivedBytes += got
                return
            }
            guard got < 0 else { throw .circumstances("\(address) has closed the connection.") }
            if errno == EAGAIN {
                guard SocketConnector.isReady(descriptor, POLLIN, until: deadline) else {
                    throw .circumstances("\(address): no reply within \(seconds) s.")
                }
            } else if errno != EINTR {
                throw .circumstances("\(address): \(String(cString: strerror(errno))).")
            }
        }
    }
}
