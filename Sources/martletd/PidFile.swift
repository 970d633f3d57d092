import Glibc

/// `-P`: a file with the process id. It appears whole or not at all, and is removed when the server ends.
struct PidFile {
    private let path: String

    /// Remarks upon a file that could not be written, before the background, whose remarks nobody hears.
    static func check(path: String, remark: (String) -> Void) {
        guard let descriptor = opened(path + fresh, remark: remark) else { return }
        close(descriptor)
        unlink(path + fresh)
    }

    /// What the file is called until it is whole.
    private static let fresh = ".tmp"

    private static func opened(_ path: String, remark: (String) -> Void) -> Int32? {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor < 0 else { return descriptor }
        remark("cannot write the pid file \(path): \(String(cString: strerror(errno)))")
        return nil
    }

    /// Writes the file. A failure is only remarked upon: the server works without it.
    init?(path: String, remark: (String) -> Void) {
        self.path = path
        if let other = Self.runningProcess(path) {
            remark("the pid file \(path) names a running process: \(other)")
        }
        let fresh = path + Self.fresh
        guard let descriptor = Self.opened(fresh, remark: remark) else { return nil }
        var text = "\(getpid())\n"
        let written = text.withUTF8 { write(descriptor, $0.baseAddress, $0.count) == $0.count }
        guard close(descriptor) == 0, written, rename(fresh, path) == 0 else {
            remark("cannot write the pid file \(path): \(String(cString: strerror(errno)))")
            unlink(fresh)
            return nil
        }
    }

    func remove(remark: (String) -> Void) {
        if unlink(path) != 0 { remark("cannot remove the pid file \(path): \(String(cString: strerror(errno)))") }
    }

    private static func runningProcess(_ path: String) -> pid_t? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let digits = [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            count = max(read(descriptor, buffer.baseAddress, buffer.count), 0)
        }
        let text = String(decoding: digits.prefix { $0 >= 0x30 && $0 <= 0x39 }, as: UTF8.self)
        guard let process = pid_t(text), process != getpid(), kill(process, 0) == 0 else { return nil }
        return process
    }
}
