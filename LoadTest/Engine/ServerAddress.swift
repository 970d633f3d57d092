/// Where a server listens: `host:port`, `[2001:db8::1]:port`, `unix:/path` or a path alone.
package struct ServerAddress: Sendable, Hashable, CustomStringConvertible {
    package enum Place: Sendable, Hashable {
        /// A host name or a numeric address, without brackets.
        case host(String, port: UInt16)
        case path(String)
    }

    package var place: Place

    package init(_ place: Place) { self.place = place }

    package static let portUsual: UInt16 = 11211
    /// `sockaddr_un` has room for 107 bytes and the closing zero.
    package static let pathBytesMax = 107

    /// Reads an address as a user writes it; without a port, `portUsual`. Throws a `LoadError` that names it.
    package init(parsing text: String, port: UInt16 = portUsual) throws(LoadError) {
        if text.hasPrefix("unix:") || text.hasPrefix("/") || text.hasPrefix("./") {
            let path = text.hasPrefix("unix:") ? String(text.dropFirst(5)) : text
            guard !path.isEmpty, path.utf8.count <= Self.pathBytesMax, !path.utf8.contains(0) else {
                throw .usage("'\(text)' is no path of a Unix socket: 1 to \(Self.pathBytesMax) bytes are allowed.")
            }
            place = .path(path)
            return
        }
        guard let (host, digits) = Self.parts(of: text), !host.isEmpty, !host.contains(" ") else {
            throw .usage("'\(text)' is no server address: expected host:port, [address]:port or unix:/path.")
        }
        guard let digits else {
            place = .host(host, port: port)
            return
        }
        guard let number = UInt16(digits), number > 0 else {
            throw .usage("'\(digits)' in '\(text)' is no port: expected 1 to 65535.")
        }
        place = .host(host, port: number)
    }

    /// Host and port of `host`, `host:port`, `[host]`, `[host]:port`, or an IPv6 address without brackets and port.
    private static func parts(of text: String) -> (host: String, port: String?)? {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let host = String(text[text.index(after: text.startIndex)..<end])
            let rest = text[text.index(after: end)...]
            if rest.isEmpty { return (host, nil) }
            return rest.hasPrefix(":") ? (host, String(rest.dropFirst())) : nil
        }
        let colons = text.utf8.count { $0 == 0x3A }
        guard colons == 1, let colon = text.firstIndex(of: ":") else { return (text, nil) }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    package var description: String {
        switch place {
        case .host(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .path(let path): "unix:\(path)"
        }
    }

    /// Whether the server's process can only be on this machine.
    package var isLocal: Bool {
        switch place {
        case .host(let host, _): host == "localhost" || host == "::1" || host.hasPrefix("127.")
        case .path: true
        }
    }
}
