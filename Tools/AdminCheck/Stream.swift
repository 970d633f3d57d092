import Glibc

/// A connection that waits, ten seconds at most.
final class Stream: @unchecked Sendable {
    // Sendable: used by one thread at a time.
    private let descriptor: Int32
    private static let patienceSeconds = 10

    /// To the loopback.
    init(port: UInt16) throws {
        var address = Self.loopback(port)
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            throw AdminCheck.Failure(description: "cannot connect")
        }
    }

    deinit { close(descriptor) }

    /// A port of the loopback that nobody has at the moment.
    static func freePort() -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, length)
                _ = getsockname(descriptor, $0, &length)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    func send(_ bytes: [UInt8]) throws {
        guard Glibc.send(descriptor, bytes, bytes.count, 0) == bytes.count else {
            throw AdminCheck.Failure(description: "the server takes nothing")
        }
    }

    /// Reads so many bytes away.
    func skip(_ count: Int, room: UnsafeMutableRawBufferPointer) throws {
        var left = count
        while left > 0 {
            let received = recv(descriptor, room.baseAddress, room.count, 0)
            guard received > 0 else { throw AdminCheck.Failure(description: "the server answers too little") }
            left -= received
        }
        guard left == 0 else { throw AdminCheck.Failure(description: "the server answers too much") }
    }

    /// Reads what comes until the server closes; its length.
    func skipAll() -> Int {
        var room = [UInt8](repeating: 0, count: 1 << 16)
        var total = 0
        while true {
            let received = recv(descriptor, &room, room.count, 0)
            guard received > 0 else { return total }
            total += received
        }
    }
}
