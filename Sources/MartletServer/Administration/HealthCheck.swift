/// `--healthcheck`: asks the server that the other options describe, as a client would, over TCP, TLS or a Unix socket.
///
/// 1. The question is `version`, or a no-op of the binary protocol: answered at once, and changes nothing. A server that
///    wants a login refuses it with a sentence, whether this one knows of the login or not; on `mn` it would close.
/// 2. A server that wants a login, or a certificate that this one is not, or has as many connections as it may, is
///    well: it was asked and has answered. Whether it should get work is another question (`/readyz`).
/// 3. It takes three seconds at most. With `no_maxconns_fast` a server at its limit lets newcomers wait, and they
///    cannot tell it from one that hangs: then the admin endpoint is asked, if there is one, and has a second.
/// 4. Without other options it takes those of a server that it finds by itself (RunningServer.swift).
package struct HealthCheck {
    package struct Failure: Error {
        package let reason: String
    }

    package static let millisecondsMax = 3000
    package static let adminMillisecondsMax = 1000

    private let settings: ServerSettings
    private let millisecondsMax: Int
    private let adminMillisecondsMax: Int

    package init(
        _ settings: ServerSettings, millisecondsMax: Int = millisecondsMax,
        adminMillisecondsMax: Int = adminMillisecondsMax
    ) {
        self.settings = settings
        self.millisecondsMax = millisecondsMax
        self.adminMillisecondsMax = adminMillisecondsMax
    }

    /// What the answer was, for a person to read.
    package func run() throws(Failure) -> String {
        do throws(NearSocket.Failure) {
            return try judge(answer())
        } catch {
            guard case .late = error else { throw Failure(reason: error.reason) }
            if !settings.rejectsOverLimit { return try judgeLate() }
            throw Failure(reason: error.reason + (isEncrypted ? Self.plainHint : ""))
        }
    }

    private func answer() throws(NearSocket.Failure) -> [UInt8] {
        if let path = settings.unixSocketPath {
            let socket = try NearSocket.connected(path: path, millisecondsMax: millisecondsMax)
            return try socket.ask(question, until: isWhole)
        }
        let address = try firstAddress()
        let port = address.port ?? UInt16(clamping: settings.tcpPort)
        guard port > 0 else { throw .other("there is no TCP port to ask at") }
        let socket = try NearSocket.connected(host: address.host, port: port, millisecondsMax: millisecondsMax)
        return try isEncrypted ? askEncrypted(socket) : socket.ask(question, until: isWhole)
    }

    private func firstAddress() throws(NearSocket.Failure) -> ListenAddress {
        do throws(StartError) {
            return try ListenAddress(parsing: settings.effectiveListenAddresses.first ?? "127.0.0.1")
        } catch {
            throw .other(error.message)
        }
    }

    // MARK: Question and answer

    private var isEncrypted: Bool {
        guard settings.unixSocketPath == nil, let address = try? firstAddress() else { return false }
        return (address.security ?? settings.standardSecurity) != .plain
    }

    /// What the server speaks at the address that is asked: its own protocol, else the server's.
    private var isBinary: Bool {
        guard settings.unixSocketPath == nil, let address = try? firstAddress(), let dialect = address.dialect else {
            return settings.protocolName == "binary"
        }
        return dialect == .binary
    }

    private var question: [UInt8] {
        if isBinary { return [0x80, 0x0A] + [UInt8](repeating: 0, count: 22) }
        return Array("version\r\n".utf8)
    }

    /// No answer of a line is longer than what is read at a time.
    private func isWhole(_ answer: [UInt8]) -> Bool {
        isBinary ? answer.count >= 24 : answer.contains(0x0A) || answer.count >= 512
    }

    /// Rule 2.
    private func judge(_ answer: [UInt8]) throws(NearSocket.Failure) -> String {
        if isBinary, answer.count >= 24, answer[0] == 0x81, answer[1] == 0x0A { return "answers" }
        let line = String(decoding: answer.prefix { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self)
        if line.hasPrefix("VERSION") { return "answers" }
        if line.hasPrefix("CLIENT_ERROR unauthenticated") { return "answers, and wants a login" }
        if line.hasPrefix("ERROR Too many open connections") { return "answers that there are too many connections" }
        guard answer.isEmpty else { throw .other("answers \"\(ServerLog.shown(line.utf8))\"") }
        throw .other("closed without an answer\(closedHint)")
    }

    /// Which options may be missing, or too many, where a server closes.
    private var closedHint: String {
        if isBinary { return " (does it speak the binary protocol? If not, leave out -B)" }
        let protocolHint = "only the binary protocol? -B binary)"
        if isEncrypted || settings.unixSocketPath != nil { return " (does it speak \(protocolHint)" }
        return " (does it speak TLS? -Z; \(protocolHint)"
    }

    private static let plainHint = " (does it speak TLS? If not, leave out -Z)"

    /// Rule 3.
    private func judgeLate() throws(Failure) -> String {
        let late =
            "\(NearSocket.Failure.late(millisecondsMax).reason): it hangs, or lets newcomers wait (-c, no_maxconns_fast)"
        guard let place = settings.adminAddress.flatMap(AdminAddress.near) else {
            throw Failure(reason: late + "; with --admin it could be asked which")
        }
        do throws(NearSocket.Failure) {
            let socket = try NearSocket.connected(
                host: place.host, port: place.port, millisecondsMax: adminMillisecondsMax)
            let request = Array("GET /healthz HTTP/1.0\r\n\r\n".utf8)
            let answer = try socket.ask(request) { $0.contains(0x0A) }
            let words = String(decoding: answer.prefix { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self).split(
                separator: " ")
            if words.count > 1, words[0].hasPrefix("HTTP/"), words[1] == "200" {
                return "answers at --admin, and lets newcomers wait (-c, no_maxconns_fast)"
            }
        } catch {
            throw Failure(reason: "\(late); --admin: \(error.reason)")
        }
        throw Failure(reason: "\(late); --admin does not say that it is well")
    }

    private func askEncrypted(_ socket: borrowing NearSocket) throws(NearSocket.Failure) -> [UInt8] {
        do throws(TLSFailure) {
            return try TLSLibrary.ask(socket.descriptor, settings.tls, question)
        } catch {
            if Self.alertsAboutClient.contains(where: { error.message.contains("alert \($0)") }) {
                return Array("VERSION\r\n".utf8)
            }
            // Who has no room for more says so before any handshake, in plain text. OpenSSL has taken of it what it
            // believed to be the head of a message.
            let text = String(decoding: socket.unread, as: UTF8.self)
            if text.contains("Too many open connections") { return Array("ERROR Too many open connections\r\n".utf8) }
            if !socket.hasTimeLeft { throw .late(millisecondsMax) }
            throw .other(
                "TLS: \(error.message)" + (error.message.contains("wrong version number") ? Self.plainHint : ""))
        }
    }

    /// What a server says that minds the client's certificate: its own one, which need not be good for clients.
    private static let alertsAboutClient = [
        "access denied", "bad certificate", "certificate expired", "certificate required", "certificate revoked",
        "certificate unknown", "decrypt error", "handshake failure", "unknown ca", "unsupported certificate",
    ]
}
