import Foundation
import MartletClient

/// Servers of one kind, each a process of its own on a port of its own.
final class Fleet {
    let program: String
    let ports: [UInt16]
    private(set) var processes: [ChildProcess] = []

    private let arguments: [String]

    init(_ options: ClientCheck.Options, arguments: [String] = []) async throws {
        program = options.server
        self.arguments = arguments
        ports = try Self.freePorts(options.servers)
        for place in ports.indices { processes.append(try start(place)) }
        for place in ports.indices { try await untilReady(place) }
    }

    /// Their addresses, with weights if there are any.
    func addresses(weights: [UInt32] = []) -> [CacheServer] {
        ports.enumerated().map { place, port in
            CacheServer(host: "127.0.0.1", port: port, weight: place < weights.count ? weights[place] : 1)
        }
    }

    /// Begins a server anew, empty, where an earlier one was killed.
    func restart(_ place: Int) async throws {
        processes[place].kill()
        processes[place] = try start(place)
        try await untilReady(place)
    }

    private func start(_ place: Int) throws -> ChildProcess {
        let user = getuid() == 0 ? ["-u", "root"] : []
        return try ChildProcess(
            program, ["-p", "\(ports[place])", "-l", "127.0.0.1", "-U", "0", "-t", "1", "-m", "64"] + user + arguments)
    }

    private func untilReady(_ place: Int) async throws {
        for _ in 0..<200 {
            if Socket.connects(to: ports[place]) { return }
            guard processes[place].isRunning else { throw Finding("\(program) \(arguments) does not start") }
            try await Task.sleep(for: .milliseconds(25))
        }
        throw Finding("\(program) does not listen")
    }

    /// Ports that nobody listens on at the moment.
    static func freePorts(_ count: Int) throws -> [UInt16] {
        let sockets = try (0..<count).map { _ in try Socket() }
        return sockets.map(\.port)
    }

    /// Empties all servers.
    func flush() throws {
        for port in ports { try Socket(connectedTo: port).flush() }
    }
}

/// A socket on 127.0.0.1, for what the client library is not to do for its own check.
private final class Socket {
    private let descriptor: Int32
    private(set) var port: UInt16 = 0

    /// Bound to a free port.
    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 ? getsockname(descriptor, address, &length) : -1
            }
        }
        try require(status == 0, "no free port")
        port = UInt16(bigEndian: address.sin_port)
    }

    init(connectedTo port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.address(port: port)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try require(status == 0, "nobody listens on \(port)")
    }

    deinit { close(descriptor) }

    static func connects(to port: UInt16) -> Bool { (try? Socket(connectedTo: port)) != nil }

    func flush() throws {
        let command = Array("flush_all\r\n".utf8)
        _ = send(descriptor, command, command.count, 0)
        var reply = [UInt8](repeating: 0, count: 4)
        let count = recv(descriptor, &reply, reply.count, Int32(MSG_WAITALL))
        try require(count == 4 && reply.elementsEqual("OK\r\n".utf8), "flush_all was refused")
    }

    private static func address(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
