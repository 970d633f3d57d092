import ArgumentParser

/// Whether servers are asked over TLS, whom to trust, and what to show.
struct TLSOptions: ParsableArguments {
    @Flag(name: .customLong("tls"), help: "Speaks TLS, but for Unix sockets, which servers do not encrypt.")
    var isEnabled = false

    @Option(
        name: .customLong("tls-ca"),
        help: ArgumentHelp(
            "Whom to trust, as PEM, in place of those that the system trusts. May be the server's own certificate.",
            valueName: "file"))
    var authoritiesPath: String?

    @Option(
        name: .customLong("tls-cert"),
        help: ArgumentHelp("A certificate for servers that want one, as PEM.", valueName: "file"))
    var chainPath: String?

    @Option(
        name: .customLong("tls-key"),
        help: ArgumentHelp("Its key, as PEM, if that is not in the same file.", valueName: "file"))
    var keyPath: String?

    @Option(
        name: .customLong("tls-name"),
        help: ArgumentHelp("The name that servers' certificates must have, if not the one they are asked by."))
    var name: String?

    func validate() throws {
        let hasMore = authoritiesPath != nil || chainPath != nil || keyPath != nil || name != nil
        // Nobody who names an authority wants to speak in the clear.
        guard isEnabled || !hasMore else { throw ValidationError("--tls-... goes with --tls") }
        guard keyPath == nil || chainPath != nil else { throw ValidationError("--tls-key goes with --tls-cert") }
        guard !isEnabled || EncryptedSession.isThere else {
            throw ValidationError("--tls: this martletctl was built without TLS")
        }
    }
}
