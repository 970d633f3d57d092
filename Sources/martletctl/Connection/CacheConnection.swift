#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What went wrong with a server, for whoever typed the command. What it has said may be part of it.
struct CacheFailure: Error, CustomStringConvertible {
    let description: String
    /// The connection has ended, for which the server may have no other reason than that it was silent for long.
    let isConnectionLost: Bool

    init(_ description: String, isConnectionLost: Bool = false) {
        self.description = TerminalText.shown(description)
        self.isConnectionLost = isConnectionLost
    }
}

/// A connection that waits: one command after the other, or many at once and then their replies.
final class CacheConnection {
    let address: ServerAddress
    private let descriptor: Int32
    private var encryption: EncryptedSession?
    private var patience: Patience
    private var input = [UInt8](repeating: 0, count: 1 << 16)
    private var start = 0
    private var end = 0
    private var output: [UInt8] = []
    /// Whether a line has come.
    private var hasAnswered = false

    private static let outputBytesMax = 1 << 18
    /// No reply has a longer line.
    private static let lineBytesMax = 1 << 20

    /// Connects, shakes hands where TLS is asked for, and logs in if there is something to log in with.
    init(_ address: ServerAddress, _ options: ServerOptions) throws {
        self.address = address
        switch address.place {
        case .tcp(let host, let port):
            descriptor = try Self.connect(host, port, address, options.timeout)
            patience = Patience(seconds: options.timeout)
            encryption =
                try options.tls.isEnabled ? Self.encrypted(descriptor, host, address, options.tls, patience) : nil
        case .unix(let path):
            descriptor = try Self.connect(path: path, address, options.timeout)
            patience = Patience(seconds: options.timeout)
            encryption = nil
        }
        if let login = try options.login() { try logIn(login) }
    }

    deinit {
        // It says goodbye, for which it needs the socket.
        encryption = nil
        close(descriptor)
    }

    private static func encrypted(
        _ descriptor: Int32, _ host: String, _ address: ServerAddress, _ options: TLSOptions, _ patience: Patience
    ) throws -> EncryptedSession {
        do {
            return try EncryptedSession(descriptor, host: host, options, patience)
        } catch {
            close(descriptor)
            throw CacheFailure("\(address): \(error)")
        }
    }

    // MARK: Sending

    /// Keeps the bytes to be sent, and sends when there are many.
    func write(_ bytes: some Sequence<UInt8>) throws {
        output.append(contentsOf: bytes)
        if output.count >= Self.outputBytesMax { try flush() }
    }

    func write(_ text: String) throws { try write(text.utf8) }

    /// Sends what was kept. The time for an answer begins when all is gone.
    func flush() throws {
        var sent = 0
        patience.begin()
        while sent < output.count {
            let count = try send(from: sent)
            patience.note(count)
            sent += count
        }
        output.removeAll(keepingCapacity: true)
        patience.begin()
    }

    private func send(from start: Int) throws -> Int {
        if let encryption {
            encryption.wait(patience)
            return try taken(encryption.write(output, from: start), "sending")
        }
        while true {
            guard patience.waits(for: descriptor, toSend: true) else { throw failure("sending", EAGAIN) }
            let count = output.withUnsafeBytes {
                systemSend(descriptor, $0.baseAddress! + start, $0.count - start, sendFlags)
            }
            // Ready sockets may have no room after all.
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else { throw failure("sending", errno) }
            return count
        }
    }

    /// Sends a command line and gives the reply's first line.
    func ask(_ line: String) throws -> String {
        try write(line + "\r\n")
        try flush()
        return String(decoding: try readLine(), as: UTF8.self)
    }

    // MARK: Receiving

    /// The next line, without its end.
    func readLine() throws -> ArraySlice<UInt8> {
        var searched = start
        while true {
            if let newline = input[searched..<end].firstIndex(of: 0x0A) {
                let line = start..<(newline > start && input[newline - 1] == 0x0D ? newline - 1 : newline)
                start = newline + 1
                hasAnswered = true
                return input[line]
            }
            let distance = end - start
            guard distance <= Self.lineBytesMax else { throw CacheFailure("\(address): a reply's line does not end") }
            try receiveMore()
            // What was there may have moved to the front.
            searched = start + distance
        }
    }

    /// The next `count` bytes.
    func read(_ count: Int) throws -> ArraySlice<UInt8> {
        while end - start < count { try receiveMore() }
        defer { start += count }
        return input[start..<start + count]
    }

    /// The room grows with what has come, not with what was announced.
    private func makeRoom() {
        if start == end {
            start = 0
            end = 0
        }
        if input.count - end >= Self.roomBytesMin { return }
        input.replaceSubrange(0..<(end - start), with: Array(input[start..<end]))
        end -= start
        start = 0
        if input.count - end < input.count / 2 { input += [UInt8](repeating: 0, count: input.count) }
    }

    private static let roomBytesMin = 1 << 12

    private func receiveMore() throws {
        makeRoom()
        let count = try receive()
        patience.note(count)
        end += count
    }

    private func receive() throws -> Int {
        if let encryption {
            encryption.wait(patience)
            return try taken(encryption.read(into: &input, from: end), "waiting for a reply")
        }
        while true {
            guard patience.waits(for: descriptor, toSend: false) else { throw failure("waiting for a reply", EAGAIN) }
            let count = input.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress! + end, $0.count - end, 0) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("waiting for a reply", errno) }
            guard count > 0 else { throw ended }
            return count
        }
    }

    /// How much an encrypted session has taken or given.
    private func taken(_ outcome: EncryptedSession.Outcome, _ doing: String) throws -> Int {
        switch outcome {
        case .count(let count): return count
        case .ended: throw ended
        case .late: throw failure(doing, EAGAIN)
        case .lost(let reason): throw CacheFailure("\(address): \(doing): TLS: \(reason)", isConnectionLost: true)
        case .failed(let reason): throw CacheFailure("\(address): \(doing): TLS: \(reason)")
        }
    }

    private var ended: CacheFailure {
        // What speaks TLS, or wants a login first, may go without a word.
        var hint = ""
        if !hasAnswered, encryption == nil, case .tcp = address.place {
            hint = " (does it want --tls, or --login-file?)"
        }
        return CacheFailure("\(address): the server has closed the connection\(hint)", isConnectionLost: true)
    }

    private func failure(_ doing: String, _ error: Int32) -> CacheFailure {
        CacheFailure(
            "\(address): \(doing): \(Self.reason(error))", isConnectionLost: error == ECONNRESET || error == EPIPE)
    }

    /// The system's words, but where a bound has passed: those are of something else.
    private static func reason(_ error: Int32) -> String {
        error == EAGAIN || error == EWOULDBLOCK || error == EINPROGRESS
            ? "no answer in time (--timeout)" : String(cString: strerror(error))
    }

    /// The time for an answer begins now: for who had something else to do meanwhile.
    func beginAnswer() { patience.begin() }

    /// Waits for as long as it takes from now on.
    func waitForever() {
        patience = Patience(seconds: .infinity)
        var timeout = timeval(tv_sec: 0, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    // MARK: Connecting

    private func logIn(_ login: String) throws {
        let reply = try ask("set login 0 0 \(login.utf8.count)\r\n\(login)")
        guard reply == "STORED" else { throw CacheFailure("\(address): logging in: \(reply)") }
    }

    private static func connect(
        _ host: String, _ port: UInt16, _ address: ServerAddress, _ seconds: Double
    ) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = streamSocket
        var found: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, String(port), &hints, &found)
        guard result == 0 else { throw CacheFailure("\(address): \(String(cString: gai_strerror(result)))") }
        defer { freeaddrinfo(found) }
        var reason: Int32 = 0
        var next = found
        while let info = next {
            next = info.pointee.ai_next
            let descriptor = opened(info.pointee.ai_family, seconds)
            guard descriptor >= 0 else {
                reason = errno
                continue
            }
            if systemConnect(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 {
                var on: Int32 = 1
                setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
                return descriptor
            }
            reason = errno
            close(descriptor)
        }
        throw CacheFailure("\(address): \(Self.reason(reason))")
    }

    private static func connect(path: String, _ address: ServerAddress, _ seconds: Double) throws -> Int32 {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: name.sun_path) else {
            throw CacheFailure("\(address): the path is too long")
        }
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
        let descriptor = opened(AF_UNIX, seconds)
        let result = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                systemConnect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let reason = errno
            close(descriptor)
            throw CacheFailure("\(address): \(Self.reason(reason))")
        }
        return descriptor
    }

    private static func opened(_ family: Int32, _ seconds: Double) -> Int32 {
        let descriptor = socket(family, streamSocket, 0)
        let whole = Int(seconds)
        var timeout = timeval(tv_sec: whole, tv_usec: .init((seconds - Double(whole)) * 1e6))
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        return descriptor
    }
}

private let systemConnect = connect
private let systemSend = send

#if canImport(Glibc)
private let streamSocket = Int32(SOCK_STREAM.rawValue)
private let sendFlags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
#elseif canImport(Musl)
private let streamSocket = SOCK_STREAM
private let sendFlags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
#else
private let streamSocket = SOCK_STREAM
private let sendFlags = Int32(MSG_DONTWAIT)
#endif
