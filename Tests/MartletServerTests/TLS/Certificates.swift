#if TLS

import CTLSTesting
import Glibc
import MartletServer
import ServerTesting

/// Paths of a certificate and of its key.
struct CertificateFiles {
    let certificate: String
    let key: String
}

/// Keys and certificates made for one test, in a folder that goes away with it.
final class Certificates {
    struct Failure: Error { let name: String }

    private let folder: TemporaryFolder
    /// Vouches for `client`.
    let authority: CertificateFiles
    let server: CertificateFiles

    init() throws {
        folder = try TemporaryFolder()
        authority = try Self.make("authority", in: folder)
        server = try Self.make("server", in: folder)
    }

    /// A client's, vouched for by `authority` or by nobody.
    func client(isKnown: Bool = true) throws -> CertificateFiles {
        try Self.make(isKnown ? "client" : "stranger", in: folder, issuer: isKnown ? authority : nil)
    }

    /// The server's, vouched for by `authority` and good for servers only.
    func serverOnly() throws -> CertificateFiles {
        try Self.make("server-only", in: folder, issuer: authority, purpose: "serverAuth")
    }

    /// A new certificate for `name` in the server's place.
    func replaceServer(_ name: String) throws { try Self.write(name, server, issuer: nil) }

    /// A file with these bytes, beside the others.
    func file(_ name: String, _ bytes: String) throws -> String {
        let path = "\(folder.path)/\(name)"
        try write(bytes, to: path)
        return path
    }

    /// Changes the bytes of a file.
    func write(_ bytes: String, to path: String) throws {
        guard let file = fopen(path, "w") else { throw Failure(name: path) }
        defer { fclose(file) }
        guard fputs(bytes, file) >= 0 else { throw Failure(name: path) }
    }

    /// The files of `server` in one, as some keep them.
    func joined() throws -> String {
        try file("joined.pem", (folder.text("server.pem") ?? "") + (folder.text("server.key") ?? ""))
    }

    /// The server's certificate with a key in the other format.
    func binary() throws -> CertificateFiles { try Self.make("binary", in: folder, isBinary: true) }

    private static func make(
        _ name: String, in folder: TemporaryFolder, issuer: CertificateFiles? = nil, purpose: String? = nil,
        isBinary: Bool = false
    ) throws -> CertificateFiles {
        let files = CertificateFiles(certificate: "\(folder.path)/\(name).pem", key: "\(folder.path)/\(name).key")
        try write(name, files, issuer: issuer, purpose: purpose, isBinary: isBinary)
        return files
    }

    private static func write(
        _ name: String, _ files: CertificateFiles, issuer: CertificateFiles?, purpose: String? = nil,
        isBinary: Bool = false
    ) throws {
        let isMade = ctls_make_certificate(
            files.certificate, files.key, name, issuer?.certificate, issuer?.key, purpose, isBinary ? 1 : 0)
        guard isMade == 1 else { throw Failure(name: name) }
    }
}

extension TestServer {
    /// A server over TLS, with the certificates of `certificates`. Its clock stands still: no handshake takes too long,
    /// however slow the machine is.
    convenience init(
        _ certificates: Certificates, syscalls: Syscalls = .system,
        clock: consuming ServerClock = ServerClock(manualWithWall: 1_800_000_000),
        _ change: (inout ServerSettings) -> Void = { _ in }
    ) throws {
        try self.init(syscalls: syscalls, clock: clock) {
            $0.tls.isEnabled = true
            $0.tls.chainPath = certificates.server.certificate
            $0.tls.keyPath = certificates.server.key
            change(&$0)
        }
    }

    func tlsClient(_ wishes: TLSClient.Wishes = TLSClient.Wishes()) throws -> TLSClient {
        try TLSClient(port: port, wishes)
    }

    /// Sum of one counter over the workers.
    func tlsSum(_ counter: (borrowing TLSCounters) -> UInt64) -> UInt64 {
        context.pointee.workerCounters.reduce(0) { $0 + counter($1.pointee.tls) }
    }
}

#endif
