#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file that is read from its beginning, line by line and in pieces of known length. `-` is standard input.
struct FileInput: ~Copyable {
    private let descriptor: Int32
    private let path: String
    private var buffer = [UInt8](repeating: 0, count: 1 << 18)
    private var start = 0
    private var end = 0
    /// Bytes taken so far.
    private(set) var position = 0

    init(path: String) throws {
        self.path = path
        descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CacheFailure("\(path): \(String(cString: strerror(errno)))") }
    }

    deinit { if descriptor > 0 { close(descriptor) } }

    private static let lineBytesMax = 1 << 16
    private static let roomBytesMin = 1 << 16

    /// The next line without its newline; nil at the end, and for a line that the end cuts.
    mutating func readLine() throws -> [UInt8]? {
        var searched = start
        while true {
            if let newline = buffer[searched..<end].firstIndex(of: 0x0A) {
                let line = Array(buffer[start..<newline])
                position += newline + 1 - start
                start = newline + 1
                return line
            }
            let distance = end - start
            guard distance <= Self.lineBytesMax else { throw CacheFailure("\(path): a line does not end") }
            guard try fill() else { return nil }
            searched = start + distance
        }
    }

    /// What has been read of a line that the end cuts.
    var rest: [UInt8] { Array(buffer[start..<end]) }

    /// The next `count` bytes; nil if there are fewer.
    mutating func read(_ count: Int) throws -> [UInt8]? {
        while end - start < count { guard try fill() else { return nil } }
        defer {
            start += count
            position += count
        }
        return Array(buffer[start..<start + count])
    }

    /// Everything; a failure if that is more than `countMax` bytes.
    consuming func readAll(countMax: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while try fill() {
            bytes += buffer[start..<end]
            start = end
            guard bytes.count <= countMax else { throw CacheFailure("\(path): there are more than \(countMax) bytes") }
        }
        return bytes
    }

    /// More input behind what there is. Returns false at the end. The room grows with what has been read.
    private mutating func fill() throws -> Bool {
        if start > 0 {
            let rest = Array(buffer[start..<end])
            buffer.replaceSubrange(0..<rest.count, with: rest)
            start = 0
            end = rest.count
        }
        if buffer.count - end < Self.roomBytesMin { buffer += [UInt8](repeating: 0, count: buffer.count) }
        while true {
            let room = end
            let file = descriptor
            let count = buffer.withUnsafeMutableBytes { systemRead(file, $0.baseAddress! + room, $0.count - room) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw CacheFailure("\(path): \(String(cString: strerror(errno)))") }
            end += count
            return count > 0
        }
    }
}

private let systemRead = read
