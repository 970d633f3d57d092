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

extension ServerContext {
    /// All open sockets, listening ones included, by descriptor. Any thread; a worker is kept from opening and closing
    /// connections for as long as its list is copied, and from nothing else.
    package borrowing func connectionSnapshots() -> [ConnectionSnapshot] {
        let now = clock.second
        let uptime = clock.uptime
        var snapshots = listeningSockets.map {
            ConnectionSnapshot(
                descriptor: $0.descriptor, address: $0.name, listenAddress: nil, state: "conn_listening",
                secondsSinceLastCommand: Int(uptime))
        }
        for socket in datagramSockets {
            snapshots.append(
                ConnectionSnapshot(
                    descriptor: socket.descriptor, address: socket.name, listenAddress: nil, state: "conn_read",
                    secondsSinceLastCommand: Int(now &- ServerClock.firstSecond)))
        }
        struct Facts {
            let descriptor: Int32
            let peer: PeerAddress
            let listenerIndex: UInt16
            let phase: Connection.Phase
            let lastActivity: UInt32
        }
        var facts: [Facts] = []
        for worker in workers {
            worker.pointee.table.forEachLocked {
                facts.append(
                    Facts(
                        descriptor: $0.pointee.descriptor, peer: $0.pointee.peer,
                        listenerIndex: $0.pointee.listenerIndex, phase: $0.pointee.phase,
                        lastActivity: $0.pointee.lastActivity))
            }
        }
        for fact in facts {
            let listenAddress = listeningSockets[Int(fact.listenerIndex)].name
            snapshots.append(
                ConnectionSnapshot(
                    descriptor: fact.descriptor, address: fact.peer.name ?? listenAddress,
                    listenAddress: listenAddress, state: fact.phase.stateName,
                    secondsSinceLastCommand: max(Int(now) - Int(fact.lastActivity), 0)))
        }
        for watcher in observation.pointee.all {
            let listenAddress = listeningSockets[Int(watcher.socket.listenerIndex)].name
            snapshots.append(
                ConnectionSnapshot(
                    descriptor: watcher.socket.descriptor, address: watcher.socket.peer.name ?? listenAddress,
                    listenAddress: listenAddress, state: "conn_watch",
                    secondsSinceLastCommand: max(Int(now) - Int(watcher.since), 0)))
        }
        return snapshots.sorted { $0.descriptor < $1.descriptor }
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
