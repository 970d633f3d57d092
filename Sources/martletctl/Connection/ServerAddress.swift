import MartletRing

/// Where a server is: `host`, `host:port`, `[address]:port` or `unix:path`.
struct ServerAddress: CustomStringConvertible, Equatable {
    enum Place: Equatable {
        case tcp(host: String, port: UInt16)
        case unix(path: String)
    }

    static let usualPort: UInt16 = 11211
    static let usual = ServerAddress(.tcp(host: "127.0.0.1", port: usualPort), "127.0.0.1")

    let place: Place
    /// As it was given.
    let description: String

    private init(_ place: Place, _ description: String) {
        self.place = place
        self.description = description
    }

    init?(_ text: String) {
        description = text
        if text.hasPrefix("unix:") || text.hasPrefix("/") {
            let path = text.hasPrefix("/") ? text : String(text.dropFirst(5))
            guard !path.isEmpty else { return nil }
            place = .unix(path: path)
            return
        }
        var host = text[...]
        var portText: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { return nil }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = text.lastIndex(of: ":"), text.firstIndex(of: ":") == colon {
            host = text[..<colon]
            portText = text[text.index(after: colon)...]
        }
        guard !host.isEmpty else { return nil }
        guard let portText else {
            place = .tcp(host: String(host), port: Self.usualPort)
            return
        }
        guard let port = UInt16(digits: portText), port > 0 else { return nil }
        place = .tcp(host: String(host), port: port)
    }

    /// `host:port` as rings spell it.
    var ringName: String {
        switch place {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): path
        }
    }
}
