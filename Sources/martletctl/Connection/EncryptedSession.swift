// The one place here that knows of OpenSSL, with a twin for a build without it.
#if TLS && os(Linux)
import COpenSSL

/// TLS over a connected socket that waits. The socket stays the caller's.
final class EncryptedSession {
    static let isThere = true

    /// What may come of reading and of writing.
    enum Outcome {
        case count(Int)
        /// The server has ended the session, or just its connection.
        case ended
        /// The socket's bound has passed.
        case late
        /// The socket has failed, with the reason.
        case lost(String)
        /// With the reason.
        case failed(String)
    }

    private let raw: OpaquePointer

    /// Shakes hands with the server called `host`. The failure is a sentence without the server's address.
    init(_ descriptor: Int32, host: String, _ options: TLSOptions, _ patience: Patience) throws {
        guard
            let raw = copenssl_client_new(
                descriptor, options.name ?? host, options.authoritiesPath, options.chainPath, options.keyPath)
        else { throw CacheFailure("TLS: \(Self.reason)") }
        self.raw = raw
        wait(patience)
        switch Self.outcome(Int(copenssl_client_negotiate(raw))) {
        case .count: break
        case .ended: throw CacheFailure("TLS: the server has closed the connection")
        case .late: throw CacheFailure("TLS: no answer in time (--timeout)")
        case .lost(let reason): throw CacheFailure("TLS: \(reason)")
        case .failed(let reason):
            // OpenSSL's words for a packet that is none.
            let isPlain = reason.contains("wrong version number")
            let isStranger =
                reason.hasPrefix("the server's certificate: ")
                && ["self", "issuer", "first certificate"].contains(where: reason.contains)
            let hint = isStranger && options.authoritiesPath == nil ? " (--tls-ca names whom to trust)" : ""
            throw CacheFailure("TLS: \(isPlain ? "what the server answers is no TLS" : reason + hint)")
        }
    }

    deinit { copenssl_session_free(raw, 1) }

    /// Waits for the socket no longer than that from now on.
    func wait(_ patience: Patience) { copenssl_client_wait_until(raw, patience.endSeconds ?? 0) }

    /// Reads what there is, waiting for something; `bytes` must not be empty.
    func read(into bytes: inout [UInt8], from start: Int) -> Outcome {
        let count = bytes.withUnsafeMutableBytes {
            copenssl_session_read(raw, $0.baseAddress! + start, $0.count - start)
        }
        return Self.outcome(count)
    }

    /// Writes the bytes from `start` on, or at least one of them.
    func write(_ bytes: [UInt8], from start: Int) -> Outcome {
        Self.outcome(bytes.withUnsafeBytes { copenssl_session_write(raw, $0.baseAddress! + start, $0.count - start) })
    }

    private static func outcome(_ result: Int) -> Outcome {
        switch result {
        case 1...: .count(result)
        case Int(COPENSSL_CLOSED): .ended
        case Int(COPENSSL_WANTS_READ), Int(COPENSSL_WANTS_WRITE): .late
        case Int(COPENSSL_LOST): .lost(reason)
        default: .failed(reason)
        }
    }

    private static var reason: String { String(cString: copenssl_reason()) }
}
#else

/// A build without TLS: there is never one of these.
final class EncryptedSession {
    static let isThere = false

    enum Outcome {
        case count(Int)
        case ended
        case late
        case lost(String)
        case failed(String)
    }

    init(_ descriptor: Int32, host: String, _ options: TLSOptions, _ patience: Patience) throws {
        throw CacheFailure("TLS: this martletctl was built without it")
    }

    func wait(_ patience: Patience) {}
    func read(into bytes: inout [UInt8], from start: Int) -> Outcome { .ended }
    func write(_ bytes: [UInt8], from start: Int) -> Outcome { .ended }
}
#endif
