/// One element of `-l`: a host, and a port where it names one.
///
/// `host`, `host:port`, `[v6 address]`, `[v6 address]:port`, a bare v6 address, or `*` for every address; in front of it
/// `notls:`, `btls:` or `mtls:`, and `proto[ascii]:`, `proto[negotiating]:` or `tag[...]:`, which change nothing here.
package struct ListenAddress: Equatable, Sendable {
    /// nil for every address of the machine.
    package var host: String?
    /// nil when it takes the port of `-p`.
    package var port: UInt16?
    /// nil when it is as the other options say.
    package var security: ListenerSecurity?

    package init(host: String?, port: UInt16?, security: ListenerSecurity? = nil) {
        self.host = host
        self.port = port
        self.security = security
    }

    package init(parsing text: String) throws(StartError) {
        let unsecured: Substring
        (security, unsecured) = Self.splitSecurity(Substring(text))
        let address = try Self.withoutPrefix(unsecured)
        let name: Substring
        let portText: Substring?
        if address.first == "[" {
            guard let end = address.firstIndex(of: "]") else { throw Self.bad(text, "a bracket is not closed") }
            name = address[address.index(after: address.startIndex)..<end]
            let rest = address[address.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { throw Self.bad(text, "\"\(rest)\" is not a port") }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = address.firstIndex(of: ":"), colon == address.lastIndex(of: ":") {
            name = address[..<colon]
            portText = address[address.index(after: colon)...]
        } else {
            name = address
            portText = nil
        }
        guard !name.isEmpty else { throw Self.bad(text, "the host is missing") }
        host = name == "*" ? nil : String(name)
        guard let portText else { return }
        guard let port = UInt16(portText) else { throw Self.bad(text, "\"\(portText)\" is not a port") }
        self.port = port
    }

    /// What stands in front of everything else.
    private static func splitSecurity(_ text: Substring) -> (ListenerSecurity?, Substring) {
        for (name, security) in ListenerSecurity.prefixes where text.hasPrefix(name + ":") {
            return (security, text.dropFirst(name.utf8.count + 1))
        }
        return (nil, text)
    }

    private static func withoutPrefix(_ text: Substring) throws(StartError) -> Substring {
        if text.hasPrefix("tag[") {
            // A name that memcached gives the connections of a listener, for its proxy.
            guard let end = text.firstRange(of: "]:") else { throw bad(String(text), "a bracket is not closed") }
            return try withoutPrefix(text[end.upperBound...])
        }
        guard text.hasPrefix("proto[") else { return text }
        for name in ["proto[ascii]:", "proto[negotiating]:"] where text.hasPrefix(name) {
            return text.dropFirst(name.utf8.count)
        }
        throw bad(String(text), "only the ascii protocol is served")
    }

    private static func bad(_ text: String, _ reason: String) -> StartError {
        StartError("-l: \"\(text)\": \(reason)", status: ExitStatus.system)
    }
}
