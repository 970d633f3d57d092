import Glibc

/// A bound, listening socket and how `stats conns` and the port file speak of it.
package struct ListeningSocket: Sendable {
    package enum Family: String, Sendable {
        case local = "UNIX"
        case ipv4 = "INET"
        case ipv6 = "INET6"
    }

    package let descriptor: Int32
    package let family: Family
    /// 0 for a Unix socket.
    package let port: UInt16
    /// `tcp:127.0.0.1:11211`, `tcp6:[::1]:11211` or `unix:path`.
    package let name: String
    /// Whether and how its connections are encrypted.
    package var security = ListenerSecurity.plain
    /// What its connections begin with.
    package var dialect = Dialect.undecided
    /// Path of a Unix socket, and the file's identity: only our own file is removed in the end.
    let path: String?
    let file: (device: UInt, inode: UInt)

    /// Closes the socket, and removes its file when it is still ours.
    func close() {
        _ = Glibc.close(descriptor)
        guard let path else { return }
        var status = stat()
        guard lstat(path, &status) == 0, status.st_dev == file.device, status.st_ino == file.inode else { return }
        _ = unlink(path)
    }
}
