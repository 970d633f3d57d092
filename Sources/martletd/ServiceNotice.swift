import Glibc

/// Tells whoever supervises the process how it is: a datagram to the socket that `NOTIFY_SOCKET` names, as a systemd
/// service of `Type=notify` does. Without the variable nothing happens; a failure to send concerns nobody.
enum ServiceNotice {
    /// Connections are accepted from now on.
    static func ready() { send("READY=1\nMAINPID=\(getpid())\n") }

    /// The server begins to end: what it still has to do (requests under way, a cache to hand on) comes afterwards.
    static func stopping() { send("STOPPING=1\n") }

    private static func send(_ text: String) {
        guard let variable = getenv("NOTIFY_SOCKET") else { return }
        let path = String(cString: variable)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.hasPrefix("/") || path.hasPrefix("@"), path.utf8.count < capacity else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            room.copyBytes(from: path.utf8)
            // A name without a file.
            if path.hasPrefix("@") { room[0] = 0 }
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = socklen_t(MemoryLayout<sa_family_t>.size + path.utf8.count)
        var text = text
        text.withUTF8 { message in
            _ = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(descriptor, message.baseAddress, message.count, 0, $0, bytes)
                }
            }
        }
    }
}
