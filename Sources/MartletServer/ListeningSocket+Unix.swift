import CShims
import Glibc
import Synchronization

extension ListeningSocket {
    /// The file mode mask is the process's: servers of one process set it one after the other.
    private static let maskTurn = Mutex(())

    /// A Unix socket at `path` with the permission bits `mode`. A socket file left over is replaced; any other file
    /// is an error.
    static func openUnix(path: String, mode: Int, backlog: Int) throws(StartError) -> ListeningSocket {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < capacity else {
            throw StartError("-s: the path is longer than \(capacity - 1) bytes", status: ExitStatus.system)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw unixFailure(path, errno) }
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { _ = unlink(path) }
        let (isBound, bindError) = maskTurn.withLock { _ in
            let previousMask = umask(mode_t(~mode & 0o777))
            defer { umask(previousMask) }
            let isBound = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
                }
            }
            return (isBound, errno)
        }
        guard isBound, listen(descriptor, Int32(clamping: backlog)) == 0 else {
            let error = isBound ? errno : bindError
            _ = Glibc.close(descriptor)
            throw unixFailure(path, error)
        }
        _ = lstat(path, &status)
        return ListeningSocket(
            descriptor: descriptor, family: .local, port: 0, name: "unix:\(path)", path: path,
            file: (UInt(status.st_dev), UInt(status.st_ino)))
    }

    private static func unixFailure(_ path: String, _ error: Int32) -> StartError {
        StartError("failed to listen on UNIX socket \(path): \(ServerLog.reason(error))", status: ExitStatus.system)
    }
}
