/// One server of a cluster, as `config get cluster` tells of it: `host|address|port`.
package struct TopologyNode: Equatable, Sendable {
    package let host: String
    /// May be empty: clients then look the host up.
    package let address: String
    package let port: UInt16

    /// How messages call what can be read.
    static let forms = "host|address|port or host:port"

    /// Reads `host|address|port`, `host||port` or `host:port`; nil for anything else.
    package init?(parsing text: String) {
        let parts = text.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 3, let port = UInt16(parts[2]), port > 0 {
            (host, address, self.port) = (parts[0], parts[1], port)
        } else if parts.count == 1, let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        {
            (host, address, self.port) = (String(text[..<colon]), "", port)
        } else {
            return nil
        }
        guard !host.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return nil }
    }

    package var text: String { "\(host)|\(address)|\(port)" }
}
