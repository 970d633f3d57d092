import Glibc

/// `stats conns`: a group of lines for each open socket, listeners included.
///
/// What a socket does comes from the `ConnectionBoard`, its addresses from the kernel at the moment of asking. A socket
/// that closes in between is left out.
struct ConnectionStatistics {
    let now: UInt32

    func append(_ board: borrowing ConnectionBoard, to text: inout StatisticsText) {
        for descriptor in 0..<board.count {
            let (state, second) = board.read(descriptor)
            guard state != .closed else { continue }
            append(Int32(descriptor), state, idleSeconds: now > second ? now - second : 0, to: &text)
        }
    }

    private func append(
        _ descriptor: Int32, _ state: ConnectionBoard.State, idleSeconds: UInt32, to text: inout StatisticsText
    ) {
        guard let local = SocketName.local(descriptor) else { return }
        if state == .listening {
            text.add("\(descriptor):addr", local)
        } else {
            text.add("\(descriptor):addr", SocketName.peer(descriptor) ?? "unknown")
            text.add("\(descriptor):listen_addr", local)
        }
        text.add("\(descriptor):state", Self.name(of: state))
        text.add("\(descriptor):secs_since_last_cmd", idleSeconds)
    }

    private static func name(of state: ConnectionBoard.State) -> String {
        switch state {
        case .closed: "conn_closed"
        case .listening: "conn_listening"
        case .reading: "conn_read"
        case .parsing: "conn_parse_cmd"
        case .readingValue: "conn_nread"
        case .writing: "conn_mwrite"
        }
    }
}

/// The two ends of a socket as text: `tcp:127.0.0.1:11211`, `tcp6:[::1]:11211`, `unix:/run/martlet.sock`.
enum SocketName {
    /// `nil` when the descriptor is no open socket.
    static func local(_ descriptor: Int32) -> String? { name { getsockname(descriptor, $0, $1) } }

    static func peer(_ descriptor: Int32) -> String? { name { getpeername(descriptor, $0, $1) } }

    private static func name(
        _ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> String? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            let answer = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask($0, &length) }
            guard answer == 0 else { return nil }
            return text(of: UnsafeRawPointer(pointer), length: Int(length))
        }
    }

    private static func text(of address: UnsafeRawPointer, length: Int) -> String? {
        switch Int32(address.load(as: sa_family_t.self)) {
        case AF_INET:
            var inet = address.load(as: sockaddr_in.self)
            guard let host = host(AF_INET, &inet.sin_addr) else { return nil }
            return "tcp:\(host):\(UInt16(bigEndian: inet.sin_port))"
        case AF_INET6:
            var inet = address.load(as: sockaddr_in6.self)
            guard let host = host(AF_INET6, &inet.sin6_addr) else { return nil }
            return "tcp6:[\(host)]:\(UInt16(bigEndian: inet.sin6_port))"
        case AF_UNIX:
            return "unix:" + path(address, length: length)
        default:
            return nil
        }
    }

    private static func host(_ family: Int32, _ address: UnsafeRawPointer) -> String? {
        let text = [CChar](unsafeUninitializedCapacity: Int(INET6_ADDRSTRLEN)) { buffer, count in
            let written = inet_ntop(family, address, buffer.baseAddress, socklen_t(buffer.count))
            count = written == nil ? 0 : buffer.count
        }
        return text.isEmpty ? nil : text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    /// A client's end of a Unix socket has no path.
    private static func path(_ address: UnsafeRawPointer, length: Int) -> String {
        let start = MemoryLayout<sa_family_t>.size
        guard length > start else { return "" }
        let bytes = UnsafeRawBufferPointer(start: address + start, count: length - start).prefix { $0 != 0 }
        return String(decoding: bytes, as: UTF8.self)
    }
}
