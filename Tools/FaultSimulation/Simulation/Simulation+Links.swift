import MartletServer
import StoreTesting

/// Connections, from being asked for to their end.
///
/// 1. Who connects waits for the listener, then in a worker's inbox, and has a `place` when that worker has taken it.
/// 2. The server may close a connection whose client has gone; one that is too many, which it counts and tells; and one
///    for which it counts a reason (`SteppedServer.kicks`) in the very round in which it closes it, or in which it
///    begins to (`Link.isEnding`). Each closing needs a reason of its own: those that are left over are no excuse later.
/// 3. Who is not let in yet may be closed without one: it has taken too long, or there was no memory for its check.
extension Simulation {
    func connect(_ client: Int, _ random: inout SplitMix) -> Int32? {
        if let link = links[client] { return link.descriptor }
        guard let descriptor = network.open() else { return nil }
        network[descriptor].window = [1 << 20, 100_000, 2000][random.below(3)]
        links[client] = Link(descriptor: descriptor)
        return descriptor
    }

    /// A turn of the listener.
    func accept() -> String? {
        let before = server.rejectedCount
        server.accept()
        var closed: UInt64 = 0
        for client in links.indices {
            guard let link = links[client], link.place == nil else { continue }
            if network[link.descriptor].isAborted {
                counts[.abortedConnections] += 1
                forget(client, link, served: false)
            } else if network[link.descriptor].isAccepted, network.isClosed(link.descriptor) {
                closed += 1
                if let wrong = judgeRejection(link) { return "client \(client): \(wrong)" }
                forget(client, link, served: false)
            }
        }
        let rejected = server.rejectedCount - before
        return rejected == closed ? nil : "\(closed) connections closed by the listener, which has counted \(rejected)"
    }

    /// The word may be cut short, but nothing else may come.
    private func judgeRejection(_ link: Link) -> String? {
        let told = network[link.descriptor].toClient
        return "ERROR Too many open connections\r\n".utf8.starts(with: told)
            ? nil : "refused with \(String(decoding: told, as: UTF8.self).debugDescription)"
    }

    /// The connection is no more, on whichever side it began.
    private func forget(_ client: Int, _ link: Link, served: Bool) {
        clients[client].lose(now: now, served: served)
        noteFlush(by: client)
        network.forget(link.descriptor)
        links[client] = nil
        counts[.breaks] += 1
    }

    /// What has come before the end is judged.
    private func lose(_ client: Int, _ link: Link) -> String? {
        var wrong: String?
        if !network[link.descriptor].isReset, !network[link.descriptor].toClient.isEmpty {
            if let falsify { falsify(&network[link.descriptor].toClient) }
            wrong = clients[client].receive(
                network[link.descriptor].toClient, now: now, mayRefuse: true, mayBeFlushed: mayBeFlushed)
        }
        forget(client, link, served: true)
        return wrong.map { "client \(client), whose connection has ended: \($0)" }
    }

    // MARK: Rounds

    func round(_ worker: Int, _ random: inout SplitMix) -> String? {
        for link in links {
            guard let link, let place = link.place, place.worker == worker else { continue }
            let isDue =
                switch server.wants(place) {
                case .input: network[link.descriptor].unreadCount > 0 || network[link.descriptor].isGone
                case .room:
                    network[link.descriptor].isGone
                        || network[link.descriptor].window > network[link.descriptor].toClient.count
                case .nothing: false
                }
            if isDue || random.below(8 * max(settings.faultShare, 1)) == 0, server.wants(place) != .nothing {
                server.setDue(place)
            }
        }
        server.round(of: worker)
        return takeEnded(worker)
    }

    /// Connections that the worker has taken from the listener, and those that it has closed.
    private func takeEnded(_ worker: Int) -> String? {
        var unexplained = 0
        for client in links.indices {
            guard let link = links[client], link.place == nil, network[link.descriptor].isAccepted else { continue }
            links[client]?.place = server.place(of: link.descriptor)
            if links[client]?.place == nil, network.isClosed(link.descriptor) {
                // Taken and closed: there was no memory for it.
                unexplained += 1
                counts[.refusedConnections] += 1
                forget(client, link, served: false)
            }
        }
        let kicks = server.kicks
        let counted = kicks.budget + kicks.idle + kicks.memory
        let reasons = Int(counted - kicksSeen)
        kicksSeen = counted
        counts[.kicks] += reasons
        let mine = links.indices.filter { links[$0]?.place?.worker == worker }
        if reasons == 0, server.connectionCount(of: worker) == mine.count {
            return unexplained == 0 ? nil : "\(unexplained) connections refused without a reason"
        }
        for client in mine {
            guard let link = links[client], let place = link.place else { continue }
            let isFree = link.isEnding || network[link.descriptor].isGone || !clients[client].isLetIn
            if !server.isOpen(place) {
                if !isFree { unexplained += 1 }
                if let wrong = lose(client, link) { return wrong }
            } else if server.isEnding(place) {
                if !isFree { unexplained += 1 }
                links[client]?.isEnding = true
            }
        }
        return unexplained > reasons
            ? "\(unexplained) connections closed, for which there were \(reasons) reasons" : nil
    }
}
