/// Who may connect to a listening socket, and how; what stands in front of an address of `-l`.
@frozen
package enum ListenerSecurity: UInt8, BitwiseCopyable, Sendable {
    /// Not encrypted: without `-Z`, for Unix sockets, and for `notls:`.
    case plain
    /// TLS as the `ssl_` options say.
    case standard
    /// `btls:`, TLS that asks for no client certificate.
    case basic
    /// `mtls:`, TLS only with one.
    case mutual

    /// The prefixes of `-l`, without their colon.
    static let prefixes: [(name: String, security: ListenerSecurity)] = [
        ("notls", .plain), ("btls", .basic), ("mtls", .mutual),
    ]

    /// The verification mode of sessions, in the numbers of `ssl_verify_mode`.
    func verifyMode(_ settings: TLSSettings) -> Int {
        switch self {
        case .plain, .basic: 0
        case .standard: settings.verifyMode
        case .mutual: 2
        }
    }
}
