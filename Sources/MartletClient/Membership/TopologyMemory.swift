#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The last good list of servers on disk, so that a process begins with it when its source does not answer.
///
/// A `TopologyDocument`, written beside its place and moved there, so that it is whole or the last one.
struct TopologyMemory: Sendable {
    let path: String

    /// nil if there is none, or none that can be read.
    func load() -> Topology? {
        guard let text = try? Data(contentsOf: URL(filePath: path)), let document = TopologyDocument(text),
            let epoch = document.epoch, let servers = document.cacheServers, !servers.isEmpty
        else { return nil }
        return Topology(epoch: epoch, servers: servers)
    }

    func store(_ topology: Topology) throws {
        try TopologyDocument(topology).encoded().write(to: URL(filePath: path), options: .atomic)
    }
}
