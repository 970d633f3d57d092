import CShims
import Glibc

/// One thread, one listening socket, and connections by their descriptors.
///
/// 1. A turn of a connection is one `recv` of at most `receiveBytesMax` and, unless the replies are more than there is
///    room for, one `send`.
/// 2. What is left of a request without an end stays with its connection, and comes in front of what arrives next.
struct LimitServer {
    private struct Peer {
        /// What came of a request whose end has not: `heldBytesMax` of room while there is any.
        var held: UnsafeMutableRawPointer?
        var heldBytes = 0
        /// What is still to come of data that nobody keeps.
        var skippedBytes = 0
    }

    private static let receiveBytesMax = 256 << 10
    private static let heldBytesMax = 8 << 10
    private static let descriptorsMax = 1 << 16
    private static let eventsMax = 256

    private let poll: Int32
    private let listener: Int32
    private let events: UnsafeMutableRawPointer
    private let peers: UnsafeMutablePointer<Peer>
    private let input: UnsafeMutableRawPointer
    private let replies: ReplyMaker

    /// Nil with `errno` when the port is not to be had.
    init?(port: UInt16) {
        poll = cshims_poll_new()
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var isOn: Int32 = 1
        let intBytes = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &isOn, intBytes)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard poll >= 0, isBound, listen(listener, 1024) == 0,
            cshims_poll_add(poll, listener, CSHIMS_POLL_READABLE, nil) == 0
        else { return nil }
        events = .allocate(byteCount: Self.eventsMax * cshims_poll_event_bytes(), alignment: 16)
        peers = .allocate(capacity: Self.descriptorsMax)
        peers.initialize(repeating: Peer(), count: Self.descriptorsMax)
        input = .allocate(byteCount: Self.heldBytesMax + Self.receiveBytesMax, alignment: 64)
        replies = ReplyMaker()
    }

    /// Serves until the process is ended.
    func run() -> Never {
        var replies = replies
        while true {
            let count = cshims_poll_wait(poll, events, Int32(Self.eventsMax), -1)
            for index in 0..<max(0, count) {
                // The context is the descriptor; the listener has none.
                guard let context = cshims_poll_context(events, index) else {
                    accept()
                    continue
                }
                takeTurn(Int32(Int(bitPattern: context)), &replies)
            }
        }
    }

    private func accept() {
        var address = sockaddr_storage()
        let descriptor = cshims_accept(listener, &address)
        guard descriptor >= 0 else { return }
        guard descriptor < Self.descriptorsMax,
            cshims_poll_add(
                poll, descriptor, CSHIMS_POLL_READABLE, UnsafeMutableRawPointer(bitPattern: Int(descriptor))) == 0
        else {
            close(descriptor)
            return
        }
        var isOn: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
    }

    private func takeTurn(_ descriptor: Int32, _ replies: inout ReplyMaker) {
        let peer = peers + Int(descriptor)
        if let held = peer.pointee.held { input.copyMemory(from: held, byteCount: peer.pointee.heldBytes) }
        let received = recv(descriptor, input + peer.pointee.heldBytes, Self.receiveBytesMax, 0)
        guard received > 0 else {
            if received == 0 || (errno != EAGAIN && errno != EINTR) { end(descriptor) }
            return
        }
        let inputEnd = UnsafeRawPointer(input) + peer.pointee.heldBytes + received
        var cursor = UnsafeRawPointer(input)
        peer.pointee.heldBytes = 0
        while cursor < inputEnd {
            if peer.pointee.skippedBytes > 0 {
                let skipped = min(inputEnd - cursor, peer.pointee.skippedBytes)
                cursor += skipped
                peer.pointee.skippedBytes -= skipped
                continue
            }
            guard let newline = memchr(cursor, 0x0A, inputEnd - cursor).map({ UnsafeRawPointer($0) }) else { break }
            if replies.isFull { replies.send(to: descriptor) }
            peer.pointee.skippedBytes = replies.answer(cursor, lineEnd: newline)
            cursor = newline + 1
        }
        replies.send(to: descriptor)
        hold(UnsafeRawBufferPointer(start: cursor, count: inputEnd - cursor), descriptor)
    }

    private func hold(_ rest: UnsafeRawBufferPointer, _ descriptor: Int32) {
        guard let start = rest.baseAddress, !rest.isEmpty else { return }
        // Longer than any request that is answered here.
        guard rest.count <= Self.heldBytesMax else { return end(descriptor) }
        let peer = peers + Int(descriptor)
        let held = peer.pointee.held ?? .allocate(byteCount: Self.heldBytesMax, alignment: 64)
        held.copyMemory(from: start, byteCount: rest.count)
        peer.pointee.held = held
        peer.pointee.heldBytes = rest.count
    }

    private func end(_ descriptor: Int32) {
        peers[Int(descriptor)].held?.deallocate()
        peers[Int(descriptor)] = Peer()
        close(descriptor)
    }
}
