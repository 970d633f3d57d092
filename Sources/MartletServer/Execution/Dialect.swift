/// What a connection speaks.
@frozen
package enum Dialect: UInt8, BitwiseCopyable, Sendable {
    /// Nothing was received yet: the first byte tells (`-B auto`).
    case undecided
    /// Command lines, classic and meta.
    case text
    /// The binary protocol (`Binary/`).
    case binary
    /// Text, once the client has logged in (`-Y`).
    case locked

    /// What a connection begins with.
    package init(_ settings: ServerSettings) {
        self = Dialect(settings, listenerHas: nil)
    }

    /// What a connection begins with at a listener that may have a protocol of its own. Logins are of the text
    /// protocol:
    /// where clients have to log in, nothing else is spoken.
    init(_ settings: ServerSettings, listenerHas own: Dialect?) {
        if settings.authFilePath != nil {
            self = .locked
        } else {
            self = own ?? Dialect(protocolName: Substring(settings.protocolName)) ?? .undecided
        }
    }

    /// `ascii`, `binary`, and `auto` or `negotiating`; nil for any other name.
    init?(protocolName: Substring) {
        switch protocolName {
        case "ascii": self = .text
        case "binary": self = .binary
        case "auto", "negotiating": self = .undecided
        default: return nil
        }
    }
}
