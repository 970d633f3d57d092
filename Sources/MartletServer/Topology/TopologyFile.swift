import Glibc

/// The file of `--cluster-file`: a node in each line, empty lines and lines that begin with `#` apart.
package struct TopologyFile {
    private let path: String
    /// What the file looked like when it was last read and of use.
    private var seen: Appearance?

    private struct Appearance: Equatable {
        let device: UInt
        let inode: UInt
        let size: Int
        let seconds: Int
        let nanoseconds: Int
    }

    /// A longer file is none of ours.
    private static let bytesMax = 1 << 20

    init(path: String) { self.path = path }

    /// What a look at the file has brought.
    enum Look {
        /// It is what was read last.
        case unchanged
        /// Its nodes, at least one, and the second of its last change.
        case nodes([TopologyNode], changedSecond: Int)
        /// Why it is of no use.
        case failure(String)
    }

    /// Looks at the file; one that was of no use is read again each time. `evenUnchanged`: also one that was of use and
    /// is the same.
    mutating func look(evenUnchanged: Bool = false) -> Look {
        var status = stat()
        guard stat(path, &status) == 0 else { return .failure(ServerLog.reason(errno)) }
        let found = Appearance(
            device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
        if found == seen, !evenUnchanged { return .unchanged }
        switch read() {
        case .failure(let failure): return .failure(failure.reason)
        case .success(let bytes):
            switch Self.nodes(String(decoding: bytes, as: UTF8.self)) {
            case .failure(let bad): return .failure("\"\(bad.text)\" is not \(TopologyNode.forms)")
            case .success(let nodes):
                // As a file is while somebody writes it.
                if nodes.isEmpty { return .failure("there is no node in it") }
                seen = found
                return .nodes(nodes, changedSecond: found.seconds)
            }
        }
    }

    private struct Failure: Error { let reason: String }

    private func read() -> Result<[UInt8], Failure> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(Failure(reason: ServerLog.reason(errno))) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while bytes.count <= Self.bytesMax {
            var count = 0
            let some = [UInt8](unsafeUninitializedCapacity: 4096) { room, initialized in
                count = Glibc.read(descriptor, room.baseAddress, room.count)
                initialized = max(count, 0)
            }
            guard count >= 0 else { return .failure(Failure(reason: ServerLog.reason(errno))) }
            if count == 0 { return .success(bytes) }
            bytes += some
        }
        return .failure(Failure(reason: "too long"))
    }

    /// The nodes of such a text, or the first line that is none.
    package static func nodes(_ text: String) -> Result<[TopologyNode], BadLine> {
        var nodes: [TopologyNode] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            for word in words {
                guard let node = TopologyNode(parsing: String(word)) else {
                    return .failure(BadLine(text: String(line)))
                }
                nodes.append(node)
            }
        }
        return .success(nodes)
    }

    package struct BadLine: Error { package let text: String }
}
