import Glibc

/// A blocking connection of a soak, which reads what comes in large pieces.
final class SoakConnection {
    struct Ended: Error {}

    private let descriptor: Int32
    private var bytes: [UInt8] = []
    private var place = 0
    private var room = [UInt8](repeating: 0, count: 1 << 17)

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Ended() }
    }

    deinit { close(descriptor) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ request: [UInt8]) throws {
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Ended() }
            sent += count
        }
    }

    /// A line, without its end.
    func line() throws -> String {
        var from = place
        while true {
            if let end = bytes[from...].firstIndex(of: 0x0A) {
                defer { place = end + 1 }
                return String(decoding: bytes[place..<end].filter { $0 != 0x0D }, as: UTF8.self)
            }
            let scanned = bytes.count - place
            try more()
            from = place + scanned
        }
    }

    /// A data block, without its end.
    func dataBlock(_ count: Int) throws -> ArraySlice<UInt8> {
        while bytes.count - place < count + 2 { try more() }
        defer { place += count + 2 }
        return bytes[place..<place + count]
    }

    private func more() throws {
        bytes.removeFirst(place)
        place = 0
        let count = recv(descriptor, &room, room.count, 0)
        guard count > 0 else { throw Ended() }
        bytes += room[..<count]
    }
}
