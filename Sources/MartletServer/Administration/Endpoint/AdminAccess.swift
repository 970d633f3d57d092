import MartletProtocol

/// Who may ask the admin endpoint.
///
/// 1. Health is told to everybody: it is one word, and probes carry no secrets.
/// 2. With a token, requests bear it as `Authorization: Bearer <token>`, or as the password of `Basic`, which browsers
///    ask their user for.
/// 3. Without one, and with nothing but loopback addresses, the request has to name such an address as its host: a page
///    of the web could otherwise let a browser on this machine ask under the page's own name. What listens elsewhere may
///    have any name, so there only a token keeps such pages away.
package struct AdminAccess: Sendable {
    package enum Verdict { case allowed, unknown, foreignHost }

    /// Digest of the token; digests are compared, so that time tells nothing of it.
    private let token: SHA256.Words?
    let isLoopback: Bool

    package init(token: [UInt8]?, isLoopback: Bool) {
        self.token = token.map { SHA256.digest($0) }
        self.isLoopback = isLoopback
    }

    package func verdict(authorization: String?, host: String?) -> Verdict {
        guard let token else {
            guard isLoopback, let host, !Self.isLoopback(host: host) else { return .allowed }
            return .foreignHost
        }
        guard let authorization, let given = Self.token(in: authorization) else { return .unknown }
        return SHA256.areEqual(SHA256.digest(given), token) ? .allowed : .unknown
    }

    private static func token(in field: String) -> [UInt8]? {
        let words = field.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2 else { return nil }
        switch words[0].lowercased() {
        case "bearer": return Array(words[1].utf8)
        case "basic":
            guard let pair = Base64.bytes(of: words[1]), let colon = pair.firstIndex(of: UInt8(ascii: ":")) else {
                return nil
            }
            return Array(pair[(colon + 1)...])
        default: return nil
        }
    }

    /// `host`, `host:port` or `[v6]:port`, as a request names it.
    static func isLoopback(host: String) -> Bool {
        if host.hasPrefix("[") { return host == "[::1]" || host.hasPrefix("[::1]:") }
        let name = host.prefix { $0 != ":" }.lowercased()
        if name == "localhost" { return true }
        // A name may begin as an address does.
        let numbers = name.split(separator: ".", omittingEmptySubsequences: false)
        // Swift's numbers may have a sign.
        return numbers.count == 4 && numbers[0] == "127"
            && numbers.allSatisfy { UInt8($0) != nil && !$0.hasPrefix("+") && !$0.hasPrefix("-") }
    }
}
