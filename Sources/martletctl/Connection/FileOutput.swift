#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file that is written to its end, or goes on behind what it has. `-` is standard output.
///
/// 1. Until `finish` the bytes are in another file beside it, `<path>.part`. What had the name before stays until then,
///    and an interruption leaves what has been written.
/// 2. Nothing is made or changed before the first `flush`: who has nothing to write leaves all as it was.
/// 3. Only its owner may read it, whoever might read what had the name before: values are nobody else's business.
/// 4. Of a symbolic link the file behind it is meant. Pipes and devices are written as they are.
struct FileOutput: ~Copyable {
    private let path: String
    private let kept: Int
    /// Under that name until it is whole, and under this one then; nil for what is written as it is.
    private let names: (part: String, whole: String)?
    private var descriptor: Int32 = -1
    private var pending: [UInt8] = []

    /// To be created, or to go on behind its first `kept` bytes (see `unfinished`).
    init(path: String, keeping kept: Int = 0) {
        self.path = path
        self.kept = kept
        names = Self.names(of: path)
    }

    deinit { if descriptor > 1 { close(descriptor) } }

    /// Where the bytes of an interrupted file are: beside it, or in the file itself, which may also be whole. nil if
    /// there are none.
    static func unfinished(_ path: String) -> (path: String, isBeside: Bool)? {
        guard let names = names(of: path) else { return nil }
        if access(names.part, F_OK) == 0 { return (names.part, true) }
        return access(names.whole, F_OK) == 0 ? (names.whole, false) : nil
    }

    private static func names(of path: String) -> (part: String, whole: String)? {
        var status = stat()
        let isThere = stat(path, &status) == 0
        guard path != "-", !isThere || status.st_mode & S_IFMT == S_IFREG else { return nil }
        guard let resolved = realpath(path, nil) else { return (path + ".part", path) }
        defer { free(resolved) }
        let whole = String(cString: resolved)
        return (whole + ".part", whole)
    }

    // MARK: Writing

    mutating func write(_ bytes: some Collection<UInt8>) throws {
        pending.append(contentsOf: bytes)
        if pending.count >= 1 << 18 { try flush() }
    }

    mutating func flush() throws {
        if descriptor < 0 { try begin() }
        var sent = 0
        let file = descriptor
        while sent < pending.count {
            let count = pending.withUnsafeBytes { systemWrite(file, $0.baseAddress! + sent, $0.count - sent) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(path) }
            sent += count
        }
        pending.removeAll(keepingCapacity: true)
    }

    /// Flushes, waits until the file is on its device, and gives it its name.
    mutating func finish() throws {
        try flush()
        guard descriptor > 1 else { return }
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw Self.failure(path) }
        guard let names else { return }
        guard rename(names.part, names.whole) == 0 else { throw Self.failure(names.whole) }
        let folder = names.whole.lastIndex(of: "/").map { String(names.whole[...$0]) } ?? "."
        let folderDescriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard folderDescriptor >= 0 else { return }
        // Where folders cannot be waited for, the name comes when it comes.
        _ = fsync(folderDescriptor)
        close(folderDescriptor)
    }

    private mutating func begin() throws {
        guard path != "-" else {
            descriptor = 1
            return
        }
        guard let names else {
            descriptor = open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failure(path) }
            return
        }
        // What was cut by something else is no whole file: it goes on under the name for such.
        if kept > 0, access(names.part, F_OK) != 0, rename(names.whole, names.part) != 0 {
            throw Self.failure(names.whole)
        }
        descriptor = open(names.part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.failure(names.part) }
        // Two at once would end in a file of neither. Not all file systems have locks.
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            throw CacheFailure("\(names.part): somebody else is writing it")
        }
        guard fchmod(descriptor, 0o600) == 0, ftruncate(descriptor, off_t(kept)) == 0,
            lseek(descriptor, off_t(kept), SEEK_SET) >= 0
        else { throw Self.failure(names.part) }
    }

    private static func failure(_ path: String) -> CacheFailure {
        CacheFailure("\(path): \(String(cString: strerror(errno)))")
    }
}

private let systemWrite = write
