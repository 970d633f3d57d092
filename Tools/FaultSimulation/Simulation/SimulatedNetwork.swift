import Glibc
import MartletServer
import StoreTesting

/// The sockets of one simulation: bytes on their way in both directions, and a system that delivers them badly.
///
/// 1. A read gives as much as a draw says of what was sent, at times nothing although something is there.
/// 2. A send takes what the client's window has room for, less than that at a draw, at times nothing.
/// 3. Memory that a connection asks for is at times not to be had.
/// 4. A client that is gone ends reads with the end of the stream, or as a reset does, and fails sends.
/// 5. Who connects waits until it is accepted. Accepting fails at times for want of descriptors or memory, and at times
///    because the one who waits longest has been torn from the network before.
///
/// The server watches real descriptors (one end of a socket pair, over which nothing goes), because it closes them.
final class SimulatedNetwork {
    struct Socket {
        /// From the client, from `taken` on.
        var toServer: [UInt8] = []
        var taken = 0
        /// From the server, not looked at by the client yet.
        var toClient: [UInt8] = []
        /// What the client's side takes before the socket is full.
        var window = 1 << 20
        var isGone = false
        var isReset = false
        /// The server has been given it.
        var isAccepted = false
        /// It was torn away before that.
        var isAborted = false

        var unreadCount: Int { toServer.count - taken }
    }

    private(set) var sockets: [Int32: Socket] = [:]
    private var far: [Int32: Int32] = [:]
    /// Those who wait to be accepted.
    private var backlog: [Int32] = []
    /// Of the step under way.
    var random = SplitMix(seed: 0)
    /// 0 for a network without faults.
    var faultShare = 8
    /// One in so many allocations fails; 0 for none.
    var allocationFaultShare = 0
    private(set) var failedAccepts = 0
    private(set) var shortReads = 0, shortSends = 0, emptyCalls = 0, failedAllocations = 0

    /// A socket that waits to be accepted, by the descriptor that the server will have.
    func open() -> Int32? {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else { return nil }
        sockets[pair[0]] = Socket()
        far[pair[0]] = pair[1]
        backlog.append(pair[0])
        return pair[0]
    }

    /// Whether the server has closed an accepted socket.
    func isClosed(_ descriptor: Int32) -> Bool {
        guard let other = far[descriptor] else { return true }
        var byte: UInt8 = 0
        return recv(other, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) == 0
    }

    /// The server has closed its end, or has never had it.
    func forget(_ descriptor: Int32) {
        if sockets[descriptor]?.isAccepted == false { close(descriptor) }
        sockets[descriptor] = nil
        if let other = far.removeValue(forKey: descriptor) { close(other) }
    }

    subscript(descriptor: Int32) -> Socket {
        _read { yield sockets[descriptor]! }
        _modify { yield &sockets[descriptor]! }
    }

    deinit {
        for descriptor in backlog { close(descriptor) }
        for other in far.values { close(other) }
    }

    var table: Syscalls {
        Syscalls(
            context: Unmanaged.passUnretained(self).toOpaque(),
            receive: { context, descriptor, pieces, count in
                SimulatedNetwork.of(context).receive(descriptor, pieces, count)
            },
            send: { context, descriptor, pieces, count in
                SimulatedNetwork.of(context).send(descriptor, pieces, count)
            },
            accept: { context, _, _ in SimulatedNetwork.of(context).accept() },
            allocate: { context, bytes in SimulatedNetwork.of(context).allocate(bytes) })
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> SimulatedNetwork {
        Unmanaged.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }

    private static let acceptErrors = [EMFILE, ENFILE, ENOBUFS, ECONNABORTED, EPROTO]

    private func accept() -> Int {
        guard !backlog.isEmpty else { return -Int(EAGAIN) }
        if faultShare > 0, random.below(2 * faultShare) == 0 {
            failedAccepts += 1
            let error = Self.acceptErrors[random.below(Self.acceptErrors.count)]
            if error == ECONNABORTED { self[backlog.removeFirst()].isAborted = true }
            return -Int(error)
        }
        let descriptor = backlog.removeFirst()
        self[descriptor].isAccepted = true
        return Int(descriptor)
    }

    /// How many of `count` bytes a call moves.
    private func draw(_ count: Int, _ counted: inout Int) -> Int {
        guard faultShare > 0, count > 1, random.below(faultShare) == 0 else { return count }
        counted += 1
        return min(count, 1 + random.below([3, 40, 1500, 20_000][random.below(4)]))
    }

    private var failsForNow: Bool {
        guard faultShare > 0, random.below(4 * faultShare) == 0 else { return false }
        emptyCalls += 1
        return true
    }

    private func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
        guard allocationFaultShare > 0, random.below(allocationFaultShare) == 0 else {
            return Syscalls.systemMemory(bytes)
        }
        failedAllocations += 1
        return nil
    }

    private func receive(_ descriptor: Int32, _ pieces: UnsafeMutablePointer<iovec>, _ count: Int32) -> Int {
        guard let index = sockets.index(forKey: descriptor) else { return -Int(EBADF) }
        if sockets.values[index].isReset { return -Int(ECONNRESET) }
        if failsForNow { return -Int(EAGAIN) }
        let there = sockets.values[index].unreadCount
        if there == 0 { return sockets.values[index].isGone ? 0 : -Int(EAGAIN) }
        var left = draw(there, &shortReads)
        var moved = 0
        sockets.values[index].toServer.withUnsafeBytes { bytes in
            let start = bytes.baseAddress.unsafelyUnwrapped + sockets.values[index].taken
            for piece in UnsafeBufferPointer(start: pieces, count: Int(count)) where left > 0 {
                let step = min(piece.iov_len, left)
                if step == 0 { continue }
                piece.iov_base.copyMemory(from: start + moved, byteCount: step)
                moved += step
                left -= step
            }
        }
        sockets.values[index].taken += moved
        if sockets.values[index].unreadCount == 0 {
            sockets.values[index].toServer.removeAll(keepingCapacity: true)
            sockets.values[index].taken = 0
        }
        return moved
    }

    private func send(_ descriptor: Int32, _ pieces: UnsafeMutablePointer<iovec>, _ count: Int32) -> Int {
        guard let index = sockets.index(forKey: descriptor) else { return -Int(EBADF) }
        if sockets.values[index].isGone { return -Int(EPIPE) }
        let pieces = UnsafeBufferPointer(start: pieces, count: Int(count))
        let total = pieces.reduce(0) { $0 + $1.iov_len }
        let room = min(total, sockets.values[index].window - sockets.values[index].toClient.count)
        if room <= 0 || failsForNow { return -Int(EAGAIN) }
        var left = draw(room, &shortSends)
        let moved = left
        for piece in pieces where left > 0 {
            let step = min(piece.iov_len, left)
            sockets.values[index].toClient += UnsafeRawBufferPointer(start: piece.iov_base, count: step)
            left -= step
        }
        return moved
    }
}
