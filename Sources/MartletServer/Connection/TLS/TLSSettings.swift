/// What `-Z` and the `ssl_` options say. The numbers are memcached's.
package struct TLSSettings: Sendable, Equatable {
    package var isEnabled = false
    /// The server's certificate, followed by those that vouch for it.
    package var chainPath: String?
    /// Private key; nil when the chain's file has it.
    package var keyPath: String?
    /// 1 for PEM, 2 for DER.
    package var keyFormat = 1
    /// 0: clients are not asked for a certificate; 1: asked; 2 and 3: none, no connection.
    package var verifyMode = 0
    /// Whose certificates clients may come with.
    package var authoritiesPath: String?
    /// Of TLS 1.2 and before, in OpenSSL's words; nil for its default.
    package var ciphers: String?
    /// Replies gathered for one call of the library.
    package var writeBytesMax = 16 << 10
    /// Sessions are remembered, and counted.
    package var keepsSessions = false
    /// The kernel encrypts where it can.
    package var usesKernel = false
    /// 0 to 3 for TLS 1.0 to 1.3.
    package var minimumVersion = 2

    /// As `stats settings` has it.
    package var minimumVersionName: String { "tlsv1.\(minimumVersion)" }

    /// memcached shows the verification mode as OpenSSL's bits.
    package var verifyBits: Int { [0, 1, 3, 7][verifyMode & 3] }
}
