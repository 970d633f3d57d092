/// A server as a ring knows it: a name that stays, and a weight.
///
/// Two clients agree on a ring only if they call the servers the same: `localhost` and `127.0.0.1` are two servers, and
/// so are a name and the address it stands for. The name is used as it was given, without looking it up and without
/// folding its case.
public struct RingServer: Hashable, Sendable {
    /// memcached's port, which libmemcached leaves out of the names of points.
    public static let usualPort: UInt16 = 11211

    /// The greatest weight that a text may give a server: enough for the megabytes of a large one.
    public static let weightMax: UInt32 = 100_000

    /// A host name, an address, the path of a Unix socket, or a name of its own.
    public let host: String
    /// 0 for Unix sockets; nil for a server with a name of its own.
    public let port: UInt16?
    /// A server's share of the keys beside the others', at least 1: a virtual node for each unit.
    public let weight: UInt32

    /// A server at a host and port. A weight of 0 counts as 1, as in libmemcached.
    public init(host: String, port: UInt16 = RingServer.usualPort, weight: UInt32 = 1) {
        self.host = host
        self.port = port
        self.weight = max(weight, 1)
    }

    /// A server with a name of its own, wherever it may be at the moment (twemproxy's node names).
    public init(name: String, weight: UInt32 = 1) {
        host = name
        port = nil
        self.weight = max(weight, 1)
    }

    /// Reads `host`, `host:port`, `host:port:weight`, `[address]:port:weight` or `/path`, `/path:0:weight`, `[/a:path]`.
    /// nil if it is none of these, if a number is none or too large, or for port 0 of a host.
    public init?(_ text: String) {
        var rest = Substring(text)
        let host: Substring
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = rest[rest.index(after: rest.startIndex)..<end]
            rest = rest[rest.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { return nil }
        } else {
            host = rest.prefix { $0 != ":" }
            rest = rest[host.endIndex...]
        }
        guard !host.isEmpty else { return nil }
        let numbers = rest.isEmpty ? [] : rest.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
        guard numbers.count <= 2 else { return nil }
        var port = host.first == "/" ? 0 : RingServer.usualPort
        var weight: UInt32 = 1
        if let digits = numbers.first {
            // Nobody listens at port 0; for a path it stands for none.
            guard let number = UInt16(digits: digits), number > 0 || host.first == "/" else { return nil }
            port = number
        }
        if numbers.count == 2 {
            guard let number = UInt32(digits: numbers[1]), (1...Self.weightMax).contains(number) else { return nil }
            weight = number
        }
        self.init(host: String(host), port: port, weight: weight)
    }

    /// `host:port` with the port always shown; the path of a Unix socket, or the server's own name.
    public var name: String {
        guard let port, port != 0 else { return host }
        return "\(host):\(port)"
    }

    /// What the names of its points begin with: libmemcached leaves out the usual port, and shows a Unix socket's 0.
    package var pointName: String {
        guard let port, port != RingServer.usualPort else { return host }
        return "\(host):\(port)"
    }
}

extension RingServer: CustomStringConvertible {
    /// The name as `init(_:)` reads it: with brackets around an address or a path that has colons itself.
    public var description: String {
        guard let port, host.contains(":") || host.first == "[" else { return name }
        return port == 0 ? "[\(host)]" : "[\(host)]:\(port)"
    }
}
