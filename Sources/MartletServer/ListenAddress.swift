/// One element of `-l`: a host, and a port where it names one.
///
/// `host`, `host:port`, `[v6 address]`, `[v6 address]:port`, a bare v6 address, or `*` for every address; in front of
/// it `notls:`, `btls:` or `mtls:`, then `proto[ascii]:`, `proto[binary]:` or `proto[negotiating]:`, and `tag[...]:` or
/// `tag_..._:`, a name that memcached gives the connections for its proxy and that changes nothing here.
package struct ListenAddress: Equatable, Sendable {
    /// nil for every address of the machine.
    package var host: String?
    /// nil when it takes the port of `-p`; 0 for one that the system picks.
    package var port: UInt16?
    /// nil when it is as the other options say.
    package var security: ListenerSecurity?
    /// What its connections begin with; nil when it is as the other options say.
    package var dialect: Dialect?

    package init(
        host: String?, port: UInt16?, security: ListenerSecurity? = nil, dialect: Dialect? = nil
    ) {
        self.host = host
        self.port = port
        self.security = security
        self.dialect = dialect
    }

    package init(parsing text: String) throws(StartError) {
        let unsecured: Substring
        (security, unsecured) = Self.splitSecurity(Substring(text))
        let address: Substring
        (dialect, address) = try Self.splitProtocol(unsecured)
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
        // As with -p: one that the system picks.
        guard let port = portText == "-1" ? 0 : UInt16(portText) else {
            throw Self.bad(text, "\"\(portText)\" is not a port")
        }
        self.port = port
    }

    /// What connections to it begin with; throws where that cannot be.
    func dialect(_ settings: ServerSettings, _ text: String) throws(StartError) -> Dialect {
        guard dialect != .binary || settings.authFilePath == nil else {
            throw Self.bad(text, "a login (-Y) needs the ascii protocol")
        }
        return Dialect(settings, listenerHas: dialect)
    }

    /// What stands in front of everything else.
    private static func splitSecurity(_ text: Substring) -> (ListenerSecurity?, Substring) {
        for (name, security) in ListenerSecurity.prefixes where text.hasPrefix(name + ":") {
            return (security, text.dropFirst(name.utf8.count + 1))
        }
        return (nil, text)
    }

    /// What the protocol's name and the tag, in either order, stand in front of.
    private static func splitProtocol(_ text: Substring) throws(StartError) -> (Dialect?, Substring) {
        var dialect: Dialect?
        var rest = text
        while true {
            if let (name, behind) = try bracketed("proto", in: rest) {
                guard let named = Dialect(protocolName: name) else {
                    throw bad(String(text), "there is no protocol \"\(name)\" but ascii, binary and negotiating")
                }
                (dialect, rest) = (named, behind)
            } else if let (tag, behind) = try bracketed("tag", in: rest) {
                guard (1...tagBytesMax).contains(tag.utf8.count) else {
                    throw bad(String(text), "a tag has 1 to \(tagBytesMax) characters")
                }
                rest = behind
            } else {
                return (dialect, rest)
            }
        }
    }

    private static let tagBytesMax = 8

    /// What `word` has behind it in brackets or underlines, and what stands behind these and a colon; nil if the text
    /// begins otherwise.
    private static func bracketed(
        _ word: String, in text: Substring
    ) throws(StartError) -> (inside: Substring, behind: Substring)? {
        guard text.hasPrefix(word) else { return nil }
        let rest = text.dropFirst(word.utf8.count)
        let end: String
        switch rest.first {
        case "[": end = "]:"
        case "_": end = "_:"
        default: return nil
        }
        let inside = rest.dropFirst()
        guard let found = inside.firstRange(of: end) else { throw bad(String(text), "a bracket is not closed") }
        return (inside[..<found.lowerBound], inside[found.upperBound...])
    }

    private static func bad(_ text: String, _ reason: String) -> StartError {
        StartError("-l: \"\(text)\": \(reason)", status: ExitStatus.system)
    }
}
