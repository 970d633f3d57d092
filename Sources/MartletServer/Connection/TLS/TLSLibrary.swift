// The one place that knows of OpenSSL. What is here has a twin in TLSLibrary+Absent.swift, for a server built without
// it, so that nothing else has to ask which of the two it is.
#if TLS

import COpenSSL

/// What the build offers of TLS.
package enum TLSLibrary {
    package static let isThere = true
    package static var version: String { String(cString: copenssl_version()) }

    /// As a client: sends `request` and reads once. The server's certificate also serves as the client's.
    static func ask(_ descriptor: Int32, _ settings: TLSSettings, _ request: [UInt8]) throws(TLSFailure) -> [UInt8] {
        var reply = [UInt8](repeating: 0, count: 512)
        let certificate = settings.authoritiesPath == nil ? nil : settings.chainPath
        let count = copenssl_ask(
            descriptor, certificate, settings.keyPath, Int32(settings.keyFormat), request, request.count, &reply,
            reply.count)
        guard count >= 0 else { throw TLSFailure(TLSFailure.reason) }
        return Array(reply.prefix(count))
    }
}

/// Certificates, keys and rules, as they were when the files were read. Never changed afterwards, so that any thread
/// may begin sessions with them; they live until the last of these has ended.
final class TLSCertificates: @unchecked Sendable {
    // Unchecked because of the pointer: beginning sessions is safe on any thread, and nothing else is done with it.
    private let raw: OpaquePointer

    /// Reads the files that the settings name. The error is one sentence for whoever runs the server.
    init(_ settings: TLSSettings) throws(TLSFailure) {
        guard
            let raw = copenssl_context_new(
                Int32(settings.minimumVersion), Int32(settings.keepsSessions ? Limits.tlsSessionsKeptMax : 0),
                settings.usesKernel ? 1 : 0)
        else { throw TLSFailure("Error preparing TLS: \(TLSFailure.reason)") }
        self.raw = raw
        let chain = settings.chainPath ?? ""
        let key = settings.keyPath ?? chain
        guard copenssl_context_use_chain(raw, chain) == 1 else {
            throw TLSFailure("Error loading the certificate chain: \(chain) : \(TLSFailure.reason)")
        }
        guard copenssl_context_use_key(raw, key, Int32(settings.keyFormat)) == 1 else {
            throw TLSFailure("Error loading the key: \(key) : \(TLSFailure.reason)")
        }
        guard copenssl_context_check_key(raw) == 1 else {
            throw TLSFailure("Error validating the certificate: \(TLSFailure.reason)")
        }
        if let authorities = settings.authoritiesPath {
            guard copenssl_context_use_authorities(raw, authorities) == 1 else {
                throw TLSFailure("Error loading the CA certificate: \(authorities) : \(TLSFailure.reason)")
            }
        }
        if let ciphers = settings.ciphers {
            guard copenssl_context_use_ciphers(raw, ciphers) == 1 else {
                throw TLSFailure("Error setting the provided cipher(s): \(ciphers)")
            }
        }
    }

    deinit { copenssl_context_free(raw) }

    /// A session for an accepted socket; nil when memory is short. `calls` outlives it.
    func session(_ descriptor: Int32, verify: Int, calls: TLSCalls) -> TLSSession? {
        copenssl_session_new(raw, descriptor, Int32(verify), calls.raw).map { TLSSession(raw: $0) }
    }
}

extension TLSFailure {
    /// Why the last call of this thread failed.
    static var reason: String { String(cString: copenssl_reason()) }
}

/// The system calls of sessions, at a fixed address. Belongs to whoever made it; outlives the sessions.
struct TLSCalls: @unchecked Sendable {
    // Unchecked because of the pointer, to what never changes.
    fileprivate let raw: UnsafeMutablePointer<copenssl_calls>

    init(_ syscalls: Syscalls) {
        raw = .allocate(capacity: 1)
        raw.initialize(
            to: copenssl_calls(
                context: syscalls.context, receive: syscalls.receiveCall, send: syscalls.sendCall))
    }

    func free() {
        raw.deinitialize(count: 1)
        raw.deallocate()
    }
}

/// One connection's encryption. Belongs to one thread at a time; freed by `end`, exactly once.
struct TLSSession: BitwiseCopyable, @unchecked Sendable {
    // Unchecked because of the pointer, which is handed on together with its socket.
    fileprivate let raw: OpaquePointer

    func negotiate() -> TLSOutcome { TLSOutcome(Int(copenssl_session_negotiate(raw))) }

    /// Fills `bytes` as far as there is input.
    func read(into bytes: UnsafeMutableRawPointer, count: Int) -> TLSOutcome {
        TLSOutcome(copenssl_session_read(raw, bytes, count))
    }

    /// Gives the socket as much as it takes. After `.wantsWrite` the next write begins with the same bytes and offers
    /// no fewer.
    func write(_ bytes: UnsafeRawPointer, count: Int) -> TLSOutcome {
        TLSOutcome(copenssl_session_write(raw, bytes, count))
    }

    /// The last read has left input inside, of which the socket will not tell.
    var hasInput: Bool { copenssl_session_has_input(raw) != 0 }
    /// Memory for a packet is kept inside: one has come in part, or not all of it was read.
    var holdsPacket: Bool { copenssl_session_holds_packet(raw) != 0 }
    /// Sessions told to the client, if the server keeps them.
    var newCount: Int { Int(copenssl_session_new_count(raw)) }
    var isResumed: Bool { copenssl_session_is_resumed(raw) != 0 }
    var isInKernel: Bool { copenssl_session_is_in_kernel(raw) != 0 }
    /// The client has sent something at all.
    var wasAddressed: Bool { copenssl_session_was_addressed(raw) != 0 }

    /// Frees the session; with `notifies` the client is told before, if that needs no waiting.
    func end(notifies: Bool) { copenssl_session_free(raw, notifies ? 1 : 0) }
}

#endif
