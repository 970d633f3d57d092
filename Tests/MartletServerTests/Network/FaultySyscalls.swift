import Glibc
import MartletServer
import Synchronization

/// Syscalls that fail or fall short on demand, between a server and the kernel. Lives as long as the process: a
/// server's threads may use it after a test's last use of it.
final class FaultySyscalls: Sendable {
    /// The most bytes one call reads or sends; 0 for no bound.
    let receiveBytesMax = Atomic<Int>(0)
    let sendBytesMax = Atomic<Int>(0)
    /// Bytes that sockets take from now on before they seem full, until `sendBytesLeft` is set again; -1 for no bound.
    let sendBytesLeft = Atomic<Int>(-1)
    /// Calls that find nothing to read, or no room, before the next that does.
    let receivesRefused = Atomic<Int>(0)
    let sendsRefused = Atomic<Int>(0)
    /// Accepts that fail with `acceptError`.
    let acceptsFailing = Atomic<Int>(0)
    let acceptError = Atomic<Int32>(EMFILE)
    /// While it is set, whoever reads is stuck.
    let holdsReceives = Atomic<Bool>(false)
    /// While it is set, there is no memory for what connections would keep.
    let refusesMemory = Atomic<Bool>(false)
    /// What the kernel says it holds of what it took; -1 for the truth.
    let unsentBytes = Atomic<Int>(-1)
    let receiveCalls = Atomic<Int>(0)
    let sendCalls = Atomic<Int>(0)
    let acceptCalls = Atomic<Int>(0)
    let unsentCalls = Atomic<Int>(0)

    private static let all = Mutex<[FaultySyscalls]>([])

    init() { Self.all.withLock { $0.append(self) } }

    var table: Syscalls {
        Syscalls(
            context: Unmanaged.passUnretained(self).toOpaque(),
            receive: { context, descriptor, pieces, count in
                FaultySyscalls.of(context).receive(descriptor, pieces, count)
            },
            send: { context, descriptor, pieces, count in FaultySyscalls.of(context).send(descriptor, pieces, count) },
            accept: { context, listener, peer in FaultySyscalls.of(context).accept(listener, peer) },
            unsent: { context, descriptor in FaultySyscalls.of(context).unsent(descriptor) },
            allocate: { context, bytes in
                FaultySyscalls.of(context).refusesMemory.load(ordering: .acquiring) ? nil : Syscalls.systemMemory(bytes)
            })
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> FaultySyscalls {
        Unmanaged.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }

    private func receive(_ descriptor: Int32, _ pieces: UnsafeMutablePointer<iovec>, _ count: Int32) -> Int {
        receiveCalls.add(1, ordering: .relaxed)
        while holdsReceives.load(ordering: .acquiring) { usleep(1000) }
        if Self.takeOne(receivesRefused) { return -Int(EAGAIN) }
        let kept = Self.cut(pieces, count, to: receiveBytesMax.load(ordering: .relaxed))
        return Syscalls.system.receiveCall(nil, descriptor, pieces, kept)
    }

    private func send(_ descriptor: Int32, _ pieces: UnsafeMutablePointer<iovec>, _ count: Int32) -> Int {
        sendCalls.add(1, ordering: .relaxed)
        if Self.takeOne(sendsRefused) { return -Int(EAGAIN) }
        var most = sendBytesMax.load(ordering: .relaxed)
        let left = sendBytesLeft.load(ordering: .relaxed)
        if left == 0 { return -Int(EAGAIN) }
        if left > 0 { most = most > 0 ? min(most, left) : left }
        let kept = Self.cut(pieces, count, to: most)
        let sent = Syscalls.system.sendCall(nil, descriptor, pieces, kept)
        if left > 0 && sent > 0 { sendBytesLeft.subtract(sent, ordering: .relaxed) }
        return sent
    }

    private func accept(_ listener: Int32, _ peer: UnsafeMutablePointer<sockaddr_storage>) -> Int {
        acceptCalls.add(1, ordering: .relaxed)
        if Self.takeOne(acceptsFailing) { return -Int(acceptError.load(ordering: .relaxed)) }
        return Syscalls.system.acceptCall(nil, listener, peer)
    }

    private func unsent(_ descriptor: Int32) -> Int {
        unsentCalls.add(1, ordering: .relaxed)
        let told = unsentBytes.load(ordering: .relaxed)
        return told >= 0 ? told : Syscalls.system.unsentCall(nil, descriptor)
    }

    private static func takeOne(_ counter: borrowing Atomic<Int>) -> Bool {
        // A test may set it to nought at any moment, and it must not fall below.
        var left = counter.load(ordering: .relaxed)
        while left != 0 {
            let (isTaken, found) = counter.compareExchange(expected: left, desired: left - 1, ordering: .relaxed)
            if isTaken { return true }
            left = found
        }
        return false
    }

    /// Shortens the pieces to `most` bytes together. Returns how many pieces remain.
    private static func cut(_ pieces: UnsafeMutablePointer<iovec>, _ count: Int32, to most: Int) -> Int32 {
        if most == 0 { return count }
        var left = most
        for index in 0..<Int(count) {
            if pieces[index].iov_len >= left {
                pieces[index].iov_len = left
                return Int32(index + 1)
            }
            left -= pieces[index].iov_len
        }
        return count
    }
}
