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

    /// nil if there is none.
    ///
    /// - Throws: What the system says of a file that is there, or a `CacheError` if it has no list of servers.
    func load() throws -> Topology? {
        let text: Data
        do { text = try Data(contentsOf: URL(filePath: path)) } catch let error as CocoaError
            where error.code == .fileReadNoSuchFile
        {
            return nil
        }
        guard let document = TopologyDocument(text), let epoch = document.epoch, let servers = document.cacheServers,
            !servers.isEmpty
        else { throw CacheError(.refused, "\(path) has no list of servers") }
        return Topology(epoch: epoch, servers: servers)
    }

    func store(_ topology: Topology) throws {
        try TopologyDocument(topology).encoded().write(to: URL(filePath: path), options: .atomic)
    }
}
