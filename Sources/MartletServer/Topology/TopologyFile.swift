import Glibc

/// The file of `--cluster-file`: a node in each line, empty lines and lines that begin with `#` apart.
package struct TopologyFile {
    private let path: String
    /// What the file looked like when it was last read.
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

    /// What is in the file now, and the second of its last change, if it is not what was read last; nil if it is, or
    /// cannot be read. `evenUnchanged`: also if it is.
    mutating func readChange(evenUnchanged: Bool = false) -> (text: String, changedSecond: Int)? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        let found = Appearance(
            device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
        if found == seen, !evenUnchanged { return nil }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while bytes.count <= Self.bytesMax {
            let some = [UInt8](unsafeUninitializedCapacity: 4096) { room, count in
                count = max(read(descriptor, room.baseAddress, room.count), 0)
            }
            if some.isEmpty { break }
            bytes += some
        }
        guard bytes.count <= Self.bytesMax else { return nil }
        seen = found
        return (String(decoding: bytes, as: UTF8.self), found.seconds)
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
