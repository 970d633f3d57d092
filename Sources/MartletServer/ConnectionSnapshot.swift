/// What `stats conns` tells about an open socket.
package struct ConnectionSnapshot: Sendable {
    package let descriptor: Int32
    /// Of the client, or what is listened at; a client on a Unix socket has no address but the socket's.
    package let address: String
    /// Of the listening socket it came from; nil for a listening socket.
    package let listenAddress: String?
    /// In memcached's words.
    package let state: String
    package let secondsSinceLastCommand: Int
}

/// The same in numbers: quick to gather for all sockets, and small enough to keep until its text is wanted.
struct OpenSocket: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable { case listener, datagrams, client, watcher }

    let descriptor: Int32
    let kind: Kind
    /// Of a client.
    var phase = Connection.Phase.reading
    /// The listening socket it is or came from, or the UDP socket it is.
    let index: UInt16
    var peer = PeerAddress()
    let silentSeconds: UInt32
}

extension ServerContext {
    /// All open sockets, listening ones included, by descriptor. Any thread.
    package borrowing func connectionSnapshots() -> [ConnectionSnapshot] {
        var snapshots: [ConnectionSnapshot] = []
        for socket in openSockets() { snapshots.append(snapshot(of: socket)) }
        return snapshots
    }

    /// By descriptor. Any thread; a worker is kept from opening and closing connections for as long as its list is
    /// copied, and from nothing else.
    borrowing func openSockets() -> [OpenSocket] {
        let now = clock.second
        let uptime = clock.uptime
        var sockets: [OpenSocket] = []
        for (index, socket) in listeningSockets.enumerated() {
            sockets.append(
                OpenSocket(
                    descriptor: socket.descriptor, kind: .listener, index: UInt16(index), silentSeconds: uptime))
        }
        for (index, socket) in datagramSockets.enumerated() {
            sockets.append(
                OpenSocket(
                    descriptor: socket.descriptor, kind: .datagrams, index: UInt16(truncatingIfNeeded: index),
                    silentSeconds: now &- ServerClock.firstSecond))
        }
        for worker in workers {
            worker.pointee.table.forEachLocked {
                sockets.append(
                    OpenSocket(
                        descriptor: $0.pointee.descriptor, kind: .client, phase: $0.pointee.phase,
                        index: $0.pointee.listenerIndex, peer: $0.pointee.peer,
                        silentSeconds: now - min($0.pointee.lastActivity, now)))
            }
        }
        for watcher in observation.pointee.all {
            sockets.append(
                OpenSocket(
                    descriptor: watcher.socket.descriptor, kind: .watcher, index: watcher.socket.listenerIndex,
                    peer: watcher.socket.peer, silentSeconds: now - min(watcher.since, now)))
        }
        return sockets.sorted { $0.descriptor < $1.descriptor }
    }

    /// Its text.
    borrowing func snapshot(of socket: OpenSocket) -> ConnectionSnapshot {
        let (address, listenAddress, state): (String, String?, String)
        switch socket.kind {
        case .listener:
            (address, listenAddress, state) = (listeningSockets[Int(socket.index)].name, nil, "conn_listening")
        case .datagrams:
            (address, listenAddress, state) = (datagramSockets[Int(socket.index)].name, nil, "conn_read")
        case .client, .watcher:
            let listener = listeningSockets[Int(socket.index)].name
            (address, listenAddress) = (socket.peer.name ?? listener, listener)
            state = socket.kind == .watcher ? "conn_watch" : socket.phase.stateName
        }
        return ConnectionSnapshot(
            descriptor: socket.descriptor, address: address, listenAddress: listenAddress, state: state,
            secondsSinceLastCommand: Int(socket.silentSeconds))
    }
}

extension Connection.Phase {
    /// memcached's name for the nearest of its states.
    fileprivate var stateName: String {
        switch self {
        case .reading, .negotiating: "conn_read"
        case .executing: "conn_parse_cmd"
        case .readingValue: "conn_nread"
        case .sending: "conn_mwrite"
        case .draining: "conn_closing"
        }
    }
}
