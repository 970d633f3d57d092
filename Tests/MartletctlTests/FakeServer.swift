import Foundation

/// A server that answers what it is told to, whatever it is asked.
///
/// Each read of a connection is answered once, and that is the end of what it says: whoever waits for more finds the
/// end of the stream.
final class FakeServer: Sendable {
    let address: String
    private let descriptor: Int32
    private let threads = DispatchGroup()

    /// `answer` is called for one request after the other, by threads of the server.
    init(_ answer: @escaping ([UInt8]) -> [UInt8]) throws {
        let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listening, $0, length) | listen(listening, 128) | getsockname(listening, $0, &length)
            }
        }
        guard result == 0 else { throw CancellationError() }
        descriptor = listening
        self.address = "127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        let threads = threads
        let order = NSLock()
        // Safe: it is only called under the lock.
        nonisolated(unsafe) let answer = answer
        threads.enter()
        Thread.detachNewThread {
            while true {
                let connection = accept(listening, nil, nil)
                guard connection >= 0 else { break }
                threads.enter()
                Thread.detachNewThread {
                    Self.serve(connection) { request in order.withLock { answer(request) } }
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
