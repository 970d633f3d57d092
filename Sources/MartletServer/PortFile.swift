import Glibc

/// The file named by `MEMCACHED_PORT_FILENAME`: tells whoever started the server which ports it got.
enum PortFile {
    static let variable = "MEMCACHED_PORT_FILENAME"

    /// Writes a line per address, such as `TCP INET: 11211` or `UDP INET: 11211`. Written under another name and then
    /// renamed, so that whoever sees the file sees all of it. A failure is only remarked upon.
    static func write(_ sockets: [ListeningSocket], _ datagramSockets: [DatagramSocket], path: String) {
        var text = ""
        for socket in sockets where socket.family != .local {
            text += "TCP \(socket.family.rawValue): \(socket.port)\n"
        }
        for socket in datagramSockets where socket.workerIndex == 0 {
            text += "UDP \(socket.family.rawValue): \(socket.port)\n"
        }
        let draft = path + ".lck"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            return ServerLog.write("cannot write the port file \(draft): \(ServerLog.reason(errno))")
        }
        let written = text.withUTF8 { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        _ = close(descriptor)
        guard written == text.utf8.count, rename(draft, path) == 0 else {
            return ServerLog.write("cannot write the port file \(path): \(ServerLog.reason(errno))")
        }
    }
}
