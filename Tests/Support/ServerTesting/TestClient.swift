import Glibc
import MartletServer

/// A blocking client socket whose calls give up after a minute: much longer than a busy machine may keep the server
/// from running.
package final class TestClient {
    package struct Failure: Error { package let call: String, error: Int32 }

    package let descriptor: Int32
    private var isOpen = true

    package init(port: UInt16) throws {
        // A program that another test starts meanwhile must not hold the connection open.
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try finish(result)
    }

    package init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try finish(result)
    }

    /// `unix:path`, or `127.0.0.1:port`.
    package convenience init(address: String) throws {
        if address.hasPrefix("unix:") {
            try self.init(path: String(address.dropFirst(5)))
        } else if address.hasPrefix("127.0.0.1:"), let port = UInt16(address.dropFirst(10)) {
            try self.init(port: port)
        } else {
            throw Failure(call: "address", error: EINVAL)
        }
    }

    private func finish(_ result: Int32) throws {
        guard result == 0 else { throw Failure(call: "connect", error: errno) }
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close() }

    package func close() {
        if isOpen { _ = Glibc.close(descriptor) }
        isOpen = false
    }

    /// Sends all of `bytes`; fails after a minute without progress.
    package func send(_ bytes: some Collection<UInt8>) throws {
        let all = Array(bytes)
        var sent = 0
        while sent < all.count {
            let count = all.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress.unsafelyUnwrapped + sent, all.count - sent, 0x4000)
            }
            // A process that was stopped for a while finds its calls with a time limit broken off.
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Failure(call: "send", error: errno) }
            sent += count
        }
    }

    package func send(_ text: String) throws { try send(text.utf8) }

    /// Sends without waiting. Returns how many bytes the kernel took.
    package func sendNow(_ bytes: [UInt8]) -> Int {
        max(bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, 0x4040) }, 0)
    }

    /// Waits until the kernel has brought the server, or its socket, all that was sent. Over TCP, where a busy kernel
    /// does so some time after the call.
    package func hasArrived() -> Bool { eventually { Syscalls.systemUnsentBytes(descriptor) == 0 } }

    /// At most `count` bytes: what one read brings; empty at the end of the stream.
    package func receiveSome(_ count: Int = 65536) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        var got = -1
        repeat {
            got = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        } while got < 0 && errno == EINTR
        guard got >= 0 else { throw Failure(call: "recv", error: errno) }
        return Array(buffer[..<got])
    }

    /// Exactly `count` bytes, fewer only at the end of the stream.
    package func receive(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let some = try receiveSome(min(count - bytes.count, 1 << 20))
            if some.isEmpty { break }
            bytes += some
        }
        return bytes
    }

    package func receiveText(_ count: Int) throws -> String { String(decoding: try receive(count), as: UTF8.self) }

    /// Everything up to the end of the stream.
    package func receiveAll() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let some = try receiveSome()
            if some.isEmpty { return bytes }
            bytes += some
        }
    }

    /// Sends `request` and checks that `reply`, and no byte less, comes back.
    package func exchange(_ request: String, _ reply: String) throws -> Bool {
        try send(request)
        return try receiveText(reply.utf8.count) == reply
    }
}
