#if TLS
import ClientTesting
import NIOCore
import NIOPosix
import NIOSSL
import ServerTesting

/// A port of this machine that speaks TLS and passes what it hears on to a server's Unix socket.
final class EncryptedWay: Sendable {
    let port: UInt16
    private let listener: any Channel

    /// With `wantsCertificates` clients have to show one of the test's authority.
    init(to path: String, at address: String = "127.0.0.1", wantsCertificates: Bool = false) async throws {
        var settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: [
                .certificate(try NIOSSLCertificate(bytes: Array(TestCertificates.server.utf8), format: .pem))
            ],
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(TestCertificates.serverKey.utf8), format: .pem)))
        if wantsCertificates {
            settings.trustRoots = .certificates(try TestCertificates.trusted())
            settings.certificateVerification = .noHostnameVerification
        }
        let context = try NIOSSLContext(configuration: settings)
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { near in
                // The far end is there before anything is read at the near one.
                ClientBootstrap(group: near.eventLoop).connect(unixDomainSocketPath: path).flatMapThrowing { far in
                    try near.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    try near.pipeline.syncOperations.addHandler(Passing(to: far))
                    try far.pipeline.syncOperations.addHandler(Passing(to: near))
                }
            }
            .bind(host: address, port: 0).get()
        port = UInt16(listener.localAddress?.port ?? 0)
    }

    func stop() async { try? await listener.close() }
}

extension TestCertificates {
    static func trusted() throws -> [NIOSSLCertificate] {
        [try NIOSSLCertificate(bytes: Array(authority.utf8), format: .pem)]
    }

    /// Trusts the test's authority and nobody else.
    static func clientSettings(showsCertificate: Bool = false) throws -> TLSConfiguration {
        var settings = TLSConfiguration.makeClientConfiguration()
        settings.trustRoots = .certificates(try trusted())
        if showsCertificate {
            settings.certificateChain = [
                .certificate(try NIOSSLCertificate(bytes: Array(client.utf8), format: .pem))
            ]
            settings.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(clientKey.utf8), format: .pem))
        }
        return settings
    }
}
#endif
