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
    init(_ settings: ServerSettings) {
        if settings.authFilePath != nil {
            self = .locked
        } else {
            switch settings.protocolName {
            case "ascii": self = .text
            case "binary": self = .binary
            default: self = .undecided
            }
        }
    }
}
