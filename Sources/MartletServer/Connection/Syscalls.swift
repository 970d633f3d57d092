import CShims
import Glibc

/// The system calls of the request path and of accepting, and the allocations that connections bring about, as a table
/// that tests can replace to make them fail, be short or be counted. Everything else the server asks of the kernel
/// happens at start or stop, where real failures are easy to bring about.
///
/// Every call returns what the kernel returned, or the negative `errno`; interrupted calls are repeated. `context` is
/// passed to each and belongs to whoever made the table. Any thread may call.
package struct Syscalls: @unchecked Sendable {
    // Unchecked because of `context`; the system's table has none, and a test's table takes care of its own.

    package typealias Receive =
        @convention(c) (UnsafeMutableRawPointer?, Int32, UnsafeMutablePointer<iovec>, Int32) -> Int
    package typealias Send = @convention(c) (UnsafeMutableRawPointer?, Int32, UnsafeMutablePointer<iovec>, Int32) -> Int
    package typealias Accept =
        @convention(c) (UnsafeMutableRawPointer?, Int32, UnsafeMutablePointer<sockaddr_storage>) -> Int
    package typealias Unsent = @convention(c) (UnsafeMutableRawPointer?, Int32) -> Int
    package typealias Allocate = @convention(c) (UnsafeMutableRawPointer?, Int) -> UnsafeMutableRawPointer?

    package var context: UnsafeMutableRawPointer?
    package var receiveCall: Receive
    package var sendCall: Send
    package var acceptCall: Accept
    package var unsentCall: Unsent
    package var allocateCall: Allocate

    /// `allocate` must give what `free` takes, aligned as `allocate(_:)` says.
    package init(
        context: UnsafeMutableRawPointer?, receive: Receive, send: Send, accept: Accept,
        unsent: Unsent = { _, descriptor in Syscalls.systemUnsentBytes(descriptor) },
        allocate: Allocate = { _, bytes in Syscalls.systemMemory(bytes) }
    ) {
        unsentCall = unsent
        allocateCall = allocate
        self.context = context
        receiveCall = receive
        sendCall = send
        acceptCall = accept
    }

    /// The kernel itself.
    package static let system = Syscalls(
        context: nil,
        receive: { _, descriptor, pieces, count in
            Syscalls.repeated {
                count == 1
                    ? cshims_receive(descriptor, pieces.pointee.iov_base, pieces.pointee.iov_len)
                    : readv(descriptor, pieces, count)
            }
        },
        send: { _, descriptor, pieces, count in
            // A single piece needs no message header copied into the kernel.
            if count == 1 {
                return Syscalls.repeated {
                    cshims_send(descriptor, pieces.pointee.iov_base, pieces.pointee.iov_len)
                }
            }
            var message = msghdr()
            message.msg_iov = pieces
            message.msg_iovlen = Int(count)
            return Syscalls.repeated { sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL)) }
        },
        accept: { _, listener, peer in
            Syscalls.repeated { Int(cshims_accept(listener, peer)) }
        })

    /// Reads into `pieces` in order, at most once.
    func receive(_ descriptor: Int32, _ pieces: UnsafeMutablePointer<iovec>, _ count: Int32) -> Int {
        receiveCall(context, descriptor, pieces, count)
    }

    /// Sends what the socket takes of `pieces`. A closed peer is an error, not a signal.
    func send(_ descriptor: Int32, _ pieces: UnsafeMutablePointer<iovec>, _ count: Int32) -> Int {
        sendCall(context, descriptor, pieces, count)
    }

    /// Takes a waiting connection, non-blocking and closed in children.
    func accept(_ listener: Int32, _ peer: UnsafeMutablePointer<sockaddr_storage>) -> Int {
        acceptCall(context, listener, peer)
    }

    /// Bytes that the kernel has taken of us and the client not of the kernel. They only become fewer while nothing is
    /// sent; on a Unix socket they are those of whole buffers.
    func unsentBytes(_ descriptor: Int32) -> Int { unsentCall(context, descriptor) }

    package static func systemUnsentBytes(_ descriptor: Int32) -> Int {
        var bytes: Int32 = 0
        // SIOCOUTQ by its other name.
        return ioctl(descriptor, UInt(TIOCOUTQ), &bytes) == 0 ? Int(bytes) : -Int(errno)
    }

    // MARK: Memory

    /// Memory for what a connection keeps, aligned to 16 bytes, from 4 KiB on to 64; nil when there is none: the
    /// connection's end, and nobody else's. Given back with `free`.
    @inline(never)
    func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? { allocateCall(context, bytes) }

    package static func systemMemory(_ bytes: Int) -> UnsafeMutableRawPointer? {
        bytes < 4096 ? malloc(max(bytes, 1)) : aligned_alloc(64, (bytes + 63) & ~63)
    }

    @inline(never)
    static func free(_ memory: UnsafeMutableRawPointer) { Glibc.free(memory) }

    @inline(__always)
    private static func repeated(_ call: () -> Int) -> Int {
        while true {
            let result = call()
            if result >= 0 { return result }
            let error = errno
            if error != EINTR { return -Int(error) }
        }
    }
}
