import Synchronization

/// Which servers make up the cluster, for clients that ask any of them: `config get cluster`, and `get
/// AmazonElastiCache:cluster` as older clients do.
///
/// 1. The nodes come from an option, or from a file that is looked at once a second and on SIGHUP. Without either
///    nobody is told anything: the command is unknown, the key a key like any other.
/// 2. Each change has a higher version, also over a restart: the second of the file's last change, or of the start.
/// 3. A file that cannot be read, that has a line which is no node, or that has no node at all, changes nothing; a
///    message says so, once for each reason.
///
/// Any thread may ask; the main thread alone looks at the file.
package struct Topology: ~Copyable {
    /// The key that older clients get.
    package static let key: StaticString = "AmazonElastiCache:cluster"

    let isTold: Bool
    private let told: Mutex<[UInt8]>
    private let current: Mutex<Current>

    struct Current {
        var version = 0
        var nodes: [TopologyNode] = []
        var file: TopologyFile?
        /// What is wrong with the file, as it was said.
        var complaint: String?
    }

    /// None.
    package init() {
        isTold = false
        told = Mutex([])
        current = Mutex(Current())
    }

    /// `wallSecond`: of the start. A file that cannot be used ends the start.
    init(settings: ServerSettings, wallSecond: Int64) throws(StartError) {
        isTold = settings.clusterFilePath != nil || !settings.clusterNodes.isEmpty
        var start = Current()
        if let path = settings.clusterFilePath {
            var file = TopologyFile(path: path)
            switch file.look() {
            case .nodes(let nodes, let changedSecond):
                start = Current(version: Self.version(changedSecond), nodes: nodes, file: file)
            case .failure(let reason):
                throw StartError("--cluster-file: \(path): \(reason)", status: ExitStatus.failure)
            case .unchanged: preconditionFailure("Nothing was read before.")
            }
        } else {
            var nodes: [TopologyNode] = []
            for word in settings.clusterNodes {
                guard let node = TopologyNode(parsing: word) else {
                    throw StartError(
                        "--cluster-nodes: \"\(word)\" is not \(TopologyNode.forms)", status: ExitStatus.failure)
                }
                nodes.append(node)
            }
            start = Current(version: Int(wallSecond), nodes: nodes, file: nil)
        }
        told = Mutex(Self.payload(start))
        current = Mutex(start)
    }

    /// `<version>\n<node> <node> ...\n`.
    package var payload: [UInt8] { told.withLock { $0 } }

    /// Looks at the file; `evenUnchanged` on SIGHUP. The main thread only.
    borrowing func look(evenUnchanged: Bool = false) {
        let fresh: [UInt8]? = current.withLock { current in
            switch current.file?.look(evenUnchanged: evenUnchanged) {
            case .nodes(let nodes, let changedSecond):
                current.complaint = nil
                if nodes == current.nodes { return nil }
                current.nodes = nodes
                current.version = max(current.version + 1, Self.version(changedSecond))
                return Self.payload(current)
            case .failure(let reason):
                // Looked at each second, and said again only when asked to look.
                if reason != current.complaint || evenUnchanged {
                    ServerLog.write("--cluster-file: \(reason); nothing is changed")
                }
                current.complaint = reason
                return nil
            case .unchanged:
                current.complaint = nil
                return nil
            case nil: return nil
            }
        }
        if let fresh { told.withLock { $0 = fresh } }
    }

    /// A file may be said to have been changed at any second there is: there has to be room for later ones.
    private static func version(_ changedSecond: Int) -> Int { min(changedSecond, 1 << 53) }

    private static func payload(_ current: Current) -> [UInt8] {
        Array("\(current.version)\n\(current.nodes.map(\.text).joined(separator: " "))\n".utf8)
    }
}
