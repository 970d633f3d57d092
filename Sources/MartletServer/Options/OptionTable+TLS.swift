/// The sub-options of `-o` that say how `-Z` encrypts. Accepted without it, as in memcached; they mean nothing then.
extension OptionTable {
    static let encryptionDetails: [Option] = [
        tls(
            "ssl_chain_cert", .file(\.tls.chainPath), "<file>",
            help: "the server's certificate and those that vouch for it, in PEM format"),
        tls(
            "ssl_key", .file(\.tls.keyPath), "<file>", help: "private key, if the file of ssl_chain_cert has none"),
        tls(
            "ssl_keyformat", .number(\.tls.keyFormat, 1...2), "<num>", status: ExitStatus.usage,
            help: "format of the key: 1 PEM, 2 DER"),
        tls(
            "ssl_verify_mode", .number(\.tls.verifyMode, 0...3), "<num>",
            help: "client certificates: 0 none, 1 asked for, 2 required, 3 required once"),
        tls("ssl_ca_cert", .file(\.tls.authoritiesPath), "<file>", help: "whose client certificates are good"),
        tls(
            "ssl_ciphers", .text(\.tls.ciphers), "<list>",
            help: "ciphers of TLS 1.2 and before, as OpenSSL writes them"),
        tls(
            "ssl_min_version", .number(\.tls.minimumVersion, 0...3), "<num>",
            help: "least version: 0 TLS 1.0, 1 TLS 1.1, 2 TLS 1.2, 3 TLS 1.3"),
        tls(
            "ssl_session_cache", .on(\.tls.keepsSessions),
            help: "also remember sessions, for clients that take no tickets"),
        tls("ssl_kernel_tls", .on(\.tls.usesKernel), help: "let the kernel encrypt, where it can"),
        tls(
            "ssl_wbuf_size", .number(\.tls.writeBytesMax, 1...(64 << 10), scale: 1 << 10), "<kilobytes>",
            help: "replies gathered for one call of OpenSSL"),
    ]

    private static func tls(
        _ name: String, _ argument: OptionArgument, _ placeholder: String = "", status: Int32 = ExitStatus.failure,
        help summary: String
    ) -> Option {
        Option(
            name, argument, placeholder, setting: TLSLibrary.isThere ? name : nil, status: status,
            isHidden: !TLSLibrary.isThere, help: summary)
    }
}
