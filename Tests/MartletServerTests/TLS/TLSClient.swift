#if TLS

import CTLSTesting
import Glibc
import MartletServer
import ServerTesting
import Synchronization

/// A blocking client over TLS, whose reads give up after a minute.
final class TLSClient {
    struct Failure: Error { let what: String }

    let socket: TestClient
    private let raw: OpaquePointer

    /// What a client may insist on.
    struct Wishes {
        var certificate: CertificateFiles?
        var versions = 2...3
        var session: TLSClientSession?
        var takesTickets = true
    }

    /// Connects and shakes hands.
    convenience init(port: UInt16, _ wishes: Wishes = Wishes()) throws {
        try self.init(silent: port, wishes)
        try shakeHands()
    }

    /// Connects, and says nothing yet.
    init(silent port: UInt16, _ wishes: Wishes = Wishes()) throws {
        socket = try TestClient(port: port)
        guard let raw = ctls_client_new(socket.descriptor) else { throw Failure(what: "memory") }
        self.raw = raw
        ctls_use_versions(raw, Int32(wishes.versions.lowerBound), Int32(wishes.versions.upperBound))
        if !wishes.takesTickets { ctls_use_no_tickets(raw) }
        if let files = wishes.certificate {
            guard ctls_use_certificate(raw, files.certificate, files.key) == 1 else {
                throw Failure(what: "certificate")
            }
        }
        if let session = wishes.session { ctls_use_session(raw, session.raw) }
    }

    deinit { ctls_client_free(raw) }

    func shakeHands() throws {
        guard ctls_handshake(raw) == 1 else { throw Failure(what: "handshake") }
    }

    /// All of `bytes`, in packets of at most `most`.
    func send(_ bytes: [UInt8], most: Int = .max) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                ctls_write(raw, $0.baseAddress.unsafelyUnwrapped + sent, min(bytes.count - sent, most))
            }
            guard count > 0 else { throw Failure(what: "write") }
            sent += count
        }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    /// What one read brings; empty when the server has said goodbye.
    func receiveSome(_ most: Int = 65536) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: most)
        let count = buffer.withUnsafeMutableBytes { ctls_read(raw, $0.baseAddress.unsafelyUnwrapped, $0.count) }
        guard count >= 0 else { throw Failure(what: "read") }
        return Array(buffer[..<count])
    }

    /// Exactly `count` bytes, fewer only at the end.
    func receive(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let some = try receiveSome(count - bytes.count)
            if some.isEmpty { break }
            bytes += some
        }
        return bytes
    }

    func receiveAll() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let some = try receiveSome()
            if some.isEmpty { return bytes }
            bytes += some
        }
    }

    func line() throws -> String {
        var bytes: [UInt8] = []
        while bytes.last != 0x0A, let byte = try receiveSome(1).first { bytes.append(byte) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Sends `request` and checks that `reply`, and no byte less, comes back.
    func exchange(_ request: String, _ reply: String) throws -> Bool {
        try send(request)
        return String(decoding: try receive(reply.utf8.count), as: UTF8.self) == reply
    }

    /// Whether the connection serves.
    func isServed() -> Bool { (try? exchange("mn\r\n", "MN\r\n")) == true }

    /// The fields of a `stats` reply.
    func statistics(_ words: String = "") throws -> [String: String] {
        try send("stats\(words.isEmpty ? "" : " " + words)\r\n")
        var fields: [String: String] = [:]
        while true {
            let words = try line().split(whereSeparator: \.isWhitespace).map(String.init)
            guard words.count >= 3 else { return fields }
            fields[words[1]] = words[2...].joined(separator: " ")
        }
    }

    func sayGoodbye() { ctls_shutdown(raw) }
    func renegotiate() -> Bool { ctls_renegotiate(raw) == 1 }
    func updateKeys() -> Bool { ctls_update_keys(raw) == 1 }

    var version: Int { Int(ctls_version(raw)) }
    var isResumed: Bool { ctls_is_resumed(raw) == 1 }
    var hasGoodbye: Bool { ctls_has_goodbye(raw) == 1 }
    var serverName: String { String(cString: ctls_server_name(raw)) }
    /// What later connections may resume; of TLS 1.3, after something was read.
    var session: TLSClientSession? { ctls_session_of(raw).map(TLSClientSession.init) }
}

final class TLSClientSession {
    fileprivate let raw: OpaquePointer

    fileprivate init(_ raw: OpaquePointer) { self.raw = raw }

    deinit { ctls_session_free(raw) }
}

/// Set by one thread and read by another.
final class Flag: Sendable {
    private let value = Atomic(false)

    func set(_ isSet: Bool) { value.store(isSet, ordering: .releasing) }

    var isSet: Bool { value.load(ordering: .acquiring) }
}

#endif
