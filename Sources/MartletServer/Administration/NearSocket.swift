import CShims
import Glibc

/// A connection to a server on this machine that is asked one thing, and has so long for everything together.
struct NearSocket: ~Copyable {
    enum Failure: Error {
        case late(Int)
        case other(String)

        var reason: String {
            switch self {
            case .late(let milliseconds): "no answer within \(Double(milliseconds) / 1000) seconds"
            case .other(let reason): reason
            }
        }
    }

    let descriptor: Int32
    private let millisecondsMax: Int
    private let end: UInt64

    /// No host is this machine.
    static func connected(host: String?, port: UInt16, millisecondsMax: Int) throws(Failure) -> NearSocket {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        // Whoever listens everywhere is also here.
        let isEverywhere = host == nil || host == "0.0.0.0" || host == "::"
        let name = isEverywhere ? (host == "::" ? "::1" : "127.0.0.1") : host
        let result = getaddrinfo(name, String(port), &hints, &found)
        guard result == 0, let found else {
            throw .other("\(name ?? ""): \(String(cString: gai_strerror(result)))")
        }
        defer { freeaddrinfo(found) }
        let socket = try made(found.pointee.ai_family, millisecondsMax)
        let error = connect(socket.descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 ? 0 : errno
        try socket.check(error, "port \(port) of \(name ?? "")")
        return socket
    }

    static func connected(path: String, millisecondsMax: Int) throws(Failure) -> NearSocket {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw .other("\(path): the path is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let socket = try made(AF_UNIX, millisecondsMax)
        let descriptor = socket.descriptor
        let error = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 ? 0 : errno
            }
        }
        try socket.check(error, path)
        return socket
    }

    private static func made(_ family: Int32, _ millisecondsMax: Int) throws(Failure) -> NearSocket {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .other(ServerLog.reason(errno)) }
        return NearSocket(descriptor: descriptor, millisecondsMax: millisecondsMax)
    }

    private init(descriptor: Int32, millisecondsMax: Int) {
        self.descriptor = descriptor
        self.millisecondsMax = millisecondsMax
        end = TurnCounts.now &+ UInt64(millisecondsMax) * 1_000_000
        // For connecting, too.
        limitWaiting()
    }

    deinit { close(descriptor) }

    var hasTimeLeft: Bool { TurnCounts.now < end }

    /// Sends the question and reads until the answer is whole, or its end.
    func ask(_ question: [UInt8], until isWhole: ([UInt8]) -> Bool) throws(Failure) -> [UInt8] {
        limitWaiting()
        let sent = send(descriptor, question, question.count, Int32(MSG_NOSIGNAL))
        // A question is short: what is not sent at once did not find room in time.
        try check(sent == question.count ? 0 : sent < 0 ? errno : EAGAIN, "cannot be asked")
        var answer: [UInt8] = []
        while !isWhole(answer) {
            guard hasTimeLeft else { throw .late(millisecondsMax) }
            limitWaiting()
            var room = [UInt8](repeating: 0, count: 512)
            let count = recv(descriptor, &room, room.count, 0)
            // Who closes with something unread resets.
            if count == 0 || (count < 0 && errno == ECONNRESET) { break }
            try check(count > 0 ? 0 : errno, "no answer")
            answer += room.prefix(count)
        }
        return answer
    }

    /// What has come and was not read; it stays there.
    var unread: [UInt8] {
        var room = [UInt8](repeating: 0, count: 512)
        let count = recv(descriptor, &room, room.count, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        return Array(room.prefix(max(count, 0)))
    }

    private func check(_ error: Int32, _ what: String) throws(Failure) {
        switch error {
        case 0: return
        case EAGAIN, EINPROGRESS, ETIMEDOUT: throw .late(millisecondsMax)
        default: throw .other("\(what): \(ServerLog.reason(error))")
        }
    }

    /// No call takes longer than what is left.
    private func limitWaiting() {
        let now = TurnCounts.now
        // Zero would be for ever.
        let microseconds = max(Int(truncatingIfNeeded: now < end ? (end - now) / 1000 : 0), 1000)
        var timeout = timeval(tv_sec: microseconds / 1_000_000, tv_usec: microseconds % 1_000_000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }
}
