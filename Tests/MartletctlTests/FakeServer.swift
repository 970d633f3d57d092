import Foundation
import ServerTesting

/// A server that answers what it is told to, whatever it is asked.
///
/// Each read of a connection is answered once, and that is the end of what it says: whoever waits for more finds the
/// end of the stream.
final class FakeServer: Sendable {
    let address: String
    private let descriptor: Int32
    private let threads = DispatchGroup()

    /// `answer` is called for one request after the other, by threads of the server.
    convenience init(_ answer: @escaping ([UInt8]) -> [UInt8]) throws {
        let order = NSLock()
        // Safe: it is only called under the lock.
        nonisolated(unsafe) let answer = answer
        try self.init(serving: { Self.serve($0) { request in order.withLock { answer(request) } } })
    }

    /// Says five bytes a second, the last of `bytes` again and again, until whoever has connected is gone; nothing
    /// without any.
    convenience init(dripping bytes: [UInt8]) throws { try self.init(serving: { Self.drip(bytes, $0) }) }

    /// Answers nobody before so many have asked, and then all of them; those who come later again only so many at once.
    convenience init(gathering count: Int, _ answer: [UInt8]) throws {
        let gathering = Gathering(count)
        try self.init(serving: { connection in
            Self.serve(connection) { _ in
                gathering.wait()
                return answer
            }
        })
    }

    private init(serving serve: @escaping @Sendable (Int32) -> Void) throws {
        let bound = try LoopbackSocket(backlog: 128)
        let listening = bound.descriptor
        descriptor = listening
        address = "127.0.0.1:\(bound.port)"
        let threads = threads
        threads.enter()
        Thread.detachNewThread {
            while true {
                let connection = accept(listening, nil, nil)
                guard connection >= 0 else { break }
                threads.enter()
                Thread.detachNewThread {
                    serve(connection)
                    close(connection)
                    threads.leave()
                }
            }
            threads.leave()
        }
    }

    /// Whoever was connected has to be gone by now.
    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
        threads.wait()
        close(descriptor)
    }

    /// The client's end of the stream is what it waits for between two bytes.
    private static func drip(_ bytes: [UInt8], _ connection: Int32) {
        var rest = bytes[...]
        var room = [UInt8](repeating: 0, count: 1 << 16)
        var pause = timeval(tv_sec: 0, tv_usec: 200_000)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &pause, socklen_t(MemoryLayout<timeval>.size))
        while true {
            let count = recv(connection, &room, room.count, 0)
            if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { return }
            guard count < 0, var byte = rest.first else { continue }
            _ = send(connection, &byte, 1, Int32(MSG_NOSIGNAL))
            if rest.count > 1 { rest.removeFirst() }
        }
    }

    private static func serve(_ connection: Int32, _ answer: ([UInt8]) -> [UInt8]) {
        var room = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(connection, &room, room.count, 0)
        guard count > 0 else { return }
        var reply = answer(Array(room.prefix(count)))[...]
        while !reply.isEmpty {
            let sent = reply.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return }
            reply = reply.dropFirst(sent)
        }
        shutdown(connection, Int32(SHUT_WR))
        while recv(connection, &room, room.count, 0) > 0 {}
    }
}

/// Holds threads back until so many have come, for two minutes at most.
private final class Gathering: @unchecked Sendable {
    // Sendable: the number is only touched under the lock.
    private let condition = NSCondition()
    private let count: Int
    private var comeCount = 0

    init(_ count: Int) { self.count = count }

    func wait() {
        condition.lock()
        defer { condition.unlock() }
        comeCount += 1
        let wanted = (comeCount + count - 1) / count * count
        condition.broadcast()
        let end = Date(timeIntervalSinceNow: 120)
        while comeCount < wanted, condition.wait(until: end) {}
    }
}

/// A listener with as many connections before it as it has room for: whoever else connects is not answered.
final class FullListener {
    let address: String
    private var descriptors: [Int32] = []

    init() throws {
        let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        descriptors.append(listening)
        var waiting: [Int32] = []
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                let result =
                    bind(listening, name, length) | listen(listening, 0) | getsockname(listening, name, &length)
                for _ in 0..<4 where result == 0 {
                    let flags = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
                    waiting.append(socket(AF_INET, Int32(flags), 0))
                    _ = connect(waiting[waiting.count - 1], name, length)
                }
                return result
            }
        }
        descriptors += waiting
        self.address = "127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        guard result == 0 else { throw CancellationError() }
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}
