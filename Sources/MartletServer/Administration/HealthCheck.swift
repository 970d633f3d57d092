import CShims
import Glibc
import MartletProtocol

/// `--healthcheck`: asks the server that the other options describe, as a client would, over TCP, TLS or a Unix socket.
///
/// 1. The question is `mn`, or its like in the binary protocol: answered at once, and changes nothing. One that wants a login
///    closes on so short a line; it is asked for something, and refuses.
/// 2. A server that wants a login, or a certificate that this one is not, or has as many connections as it may, is well: it
///    was asked and has answered. Whether it should get work is another question (`/readyz`).
/// 3. Without other options it looks for a server that is process 1, as it is in a container, and takes that one's.
package struct HealthCheck {
    package struct Failure: Error {
        package let reason: String
    }

    private static let secondsMax = 3

    private let settings: ServerSettings

    package init(_ settings: ServerSettings) { self.settings = settings }

    /// What the answer was, for a person to read.
    package func run() throws(Failure) -> String {
        let descriptor: Int32
        let isEncrypted: Bool
        if let path = settings.unixSocketPath {
            descriptor = try Self.connect(path: path)
            isEncrypted = false
        } else {
            let address = try firstAddress()
            let port = address.port ?? UInt16(clamping: settings.tcpPort)
            guard port > 0 else { throw Failure(reason: "there is no TCP port to ask at") }
            descriptor = try Self.connect(host: address.host, port: port)
            isEncrypted = (address.security ?? settings.standardSecurity) != .plain
        }
        defer { close(descriptor) }
        return try judge(isEncrypted ? askEncrypted(descriptor) : ask(descriptor))
    }

    private func firstAddress() throws(Failure) -> ListenAddress {
        do throws(StartError) {
            return try ListenAddress(parsing: settings.effectiveListenAddresses.first ?? "127.0.0.1")
        } catch {
            throw Failure(reason: error.message)
        }
    }

    // MARK: Question and answer

    /// What the server speaks at the address that is asked: its own protocol, else the server's.
    private var isBinary: Bool {
        guard settings.unixSocketPath == nil, let address = try? firstAddress(), let dialect = address.dialect else {
            return settings.protocolName == "binary"
        }
        return dialect == .binary
    }

    private var question: [UInt8] {
        if isBinary { return [0x80, 0x0A] + [UInt8](repeating: 0, count: 22) }
        return Array((settings.authFilePath == nil ? "mn\r\n" : "get martlet-healthcheck\r\n").utf8)
    }

    /// Rule 2.
    private func judge(_ answer: [UInt8]) throws(Failure) -> String {
        if isBinary, answer.count >= 24, answer[0] == 0x81, answer[1] == 0x0A { return "answers" }
        let line = String(decoding: answer.prefix { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self)
        if line == "MN" { return "answers" }
        if line.hasPrefix("CLIENT_ERROR unauthenticated") { return "answers, and wants a login" }
        if line.hasPrefix("ERROR Too many open connections") { return "answers that there are too many connections" }
        throw Failure(reason: answer.isEmpty ? "closed without an answer" : "answers \"\(ServerLog.shown(line.utf8))\"")
    }

    private func ask(_ descriptor: Int32) throws(Failure) -> [UInt8] {
        let question = question
        guard send(descriptor, question, question.count, Int32(MSG_NOSIGNAL)) == question.count else {
            throw Failure(reason: "cannot be asked: \(ServerLog.reason(errno))")
        }
        let wanted = isBinary ? 24 : 4
        var answer: [UInt8] = []
        while answer.count < wanted {
            var room = [UInt8](repeating: 0, count: 512)
            let count = recv(descriptor, &room, room.count, 0)
            guard count >= 0 else {
                throw Failure(
                    reason: errno == EAGAIN
                        ? "no answer within \(Self.secondsMax) seconds" : "no answer: \(ServerLog.reason(errno))")
            }
            if count == 0 { break }
            answer += room.prefix(count)
        }
        return answer
    }

    private func askEncrypted(_ descriptor: Int32) throws(Failure) -> [UInt8] {
        do throws(TLSFailure) {
            return try TLSLibrary.ask(descriptor, settings.tls, question)
        } catch {
            // Alerts about the client's certificate.
            let isAboutUs = ["certificate required", "bad certificate", "unknown ca", "handshake failure"].contains {
                error.message.contains("alert \($0)")
            }
            if isAboutUs { return Array("MN\r\n".utf8) }
            throw Failure(reason: "TLS: \(error.message)")
        }
    }

    // MARK: Connecting

    private static func connect(host: String?, port: UInt16) throws(Failure) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        // Whoever listens everywhere is also here.
        let isEverywhere = host == nil || host == "0.0.0.0" || host == "::"
        let name = isEverywhere ? (host == "::" ? "::1" : "127.0.0.1") : host
        let result = getaddrinfo(name, String(port), &hints, &found)
        guard result == 0, let found else {
            throw Failure(reason: "\(name ?? ""): \(String(cString: gai_strerror(result)))")
        }
        defer { freeaddrinfo(found) }
        let descriptor = try opened(found.pointee.ai_family)
        guard Glibc.connect(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else {
            let reason = ServerLog.reason(errno)
            close(descriptor)
            throw Failure(reason: "port \(port) of \(name ?? ""): \(reason)")
        }
        return descriptor
    }

    private static func connect(path: String) throws(Failure) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure(reason: "\(path): the path is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let descriptor = try opened(AF_UNIX)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let reason = ServerLog.reason(errno)
            close(descriptor)
            throw Failure(reason: "\(path): \(reason)")
        }
        return descriptor
    }

    /// A socket that waits for no longer than allowed, for connecting, too.
    private static func opened(_ family: Int32) throws(Failure) -> Int32 {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(reason: ServerLog.reason(errno)) }
        var timeout = timeval(tv_sec: secondsMax, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        return descriptor
    }

    // MARK: Rule 3

    /// The command line and the environment of a server that is process 1; nil if it is something else.
    package static func firstProcess() -> (words: [String], environment: [String: String])? {
        let words = (SmallFile.text("/proc/1/cmdline") ?? "").split(separator: "\0").map(String.init)
        guard let program = words.first?.split(separator: "/").last, program == "martletd" else { return nil }
        var environment: [String: String] = [:]
        for pair in (SmallFile.text("/proc/1/environ") ?? "").split(separator: "\0") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { environment[String(parts[0])] = String(parts[1]) }
        }
        return (Array(words.dropFirst()), environment)
    }
}
