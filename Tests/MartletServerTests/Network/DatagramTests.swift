import ExecutionTesting
import Glibc
import MartletServer
import ServerTesting
import Testing

/// UDP over the loopback address, with an ephemeral port.
struct DatagramTests {
    private func server(_ change: (inout ServerSettings) -> Void = { _ in }) throws -> TestServer {
        try TestServer {
            $0.udpPort = -1
            $0.threadCount = 3
            change(&$0)
        }
    }

    private func client(_ server: TestServer) throws -> DatagramClient {
        let socket = try #require(server.context.pointee.datagramSockets.first)
        return try DatagramClient(port: socket.port)
    }

    @Test func `no UDP is served unless asked for`() throws {
        let server = try TestServer()

        #expect(server.context.pointee.datagramSockets.isEmpty)
    }

    @Test func `every worker has a socket of the same port, told by stats conns`() throws {
        let server = try server()
        let sockets = server.context.pointee.datagramSockets

        #expect(sockets.count == 3)
        #expect(Set(sockets.map(\.port)).count == 1)
        let names = server.context.pointee.connectionSnapshots().map(\.address)
        #expect(names.filter { $0 == "udp:127.0.0.1:\(sockets[0].port)" }.count == 3)
    }

    @Test func `a datagram is answered under its id, whichever worker gets it`() throws {
        let server = try server()

        for id in 0..<20 as Range<UInt16> {
            let client = try client(server)
            #expect(try client.ask("set k\(id) 0 0 1\r\nv\r\n", id: id) == "STORED\r\n")
            #expect(try client.ask("get k\(id) no\r\n", id: id &+ 500) == "VALUE k\(id) 0 1\r\nv\r\nEND\r\n")
        }
        #expect(server.sum { $0.bytesRead.value } > 0)
    }

    @Test func `a large value comes in as many datagrams as it takes`() throws {
        let server = try server()
        let value = String(repeating: "0123456789", count: 10_000)
        #expect(try server.client().exchange("set big 0 0 100000\r\n\(value)\r\n", "STORED\r\n"))

        #expect(try client(server).ask("get big\r\n", id: 7) == "VALUE big 0 100000\r\n\(value)\r\nEND\r\n")
    }

    @Test func `a flood of requests for large values does not keep others waiting for all of them`() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table) { ($0.udpPort, $0.threadCount) = (-1, 1) }
        let (stuck, other, client) = (try server.client(), try server.client(), try client(server))
        let value = String(repeating: "x", count: 100_000)
        #expect(value.utf8.count >= Limits.datagramTurnBytesMax)
        #expect(try stuck.exchange("set big 0 0 100000\r\n\(value)\r\n", "STORED\r\n"))
        #expect(try other.exchange("mn\r\n", "MN\r\n"))

        // All of this becomes due while the worker is inside of one turn.
        let before = syscalls.receiveCalls.load(ordering: .relaxed)
        syscalls.holdsReceives.store(true, ordering: .releasing)
        defer { syscalls.holdsReceives.store(false, ordering: .releasing) }
        try stuck.send("mn\r\n")
        #expect(eventually { syscalls.receiveCalls.load(ordering: .relaxed) > before })
        for id in 0..<8 as Range<UInt16> { try client.send(Array("get big\r\n".utf8), id: id) }
        let datagrams = try #require(server.context.pointee.datagramSockets.first).descriptor
        var byte: UInt8 = 0
        #expect(eventually { recv(datagrams, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) > 0 })
        try other.send("stats\r\n")
        #expect(other.hasArrived())
        syscalls.holdsReceives.store(false, ordering: .releasing)

        var text = ""
        while !text.hasSuffix("END\r\n") {
            let some = try other.receiveSome()
            try #require(!some.isEmpty)
            text += String(decoding: some, as: UTF8.self)
        }
        let line = try #require(text.split(separator: "\r\n").first { $0.hasPrefix("STAT bytes_written ") })
        let written = try #require(Int(line.dropFirst("STAT bytes_written ".count)))
        #expect(written > 100_000 && written < 200_000)
        #expect(eventually { server.sum { $0.bytesWritten.value } > 800_000 })
    }

    @Test func `both protocols are served, and several commands of one datagram`() throws {
        let server = try server()
        let client = try client(server)

        #expect(
            try client.ask("set a 0 0 1\r\n1\r\nget a\r\nmn\r\n", id: 1)
                == "STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\nMN\r\n")
        try client.send(BinaryPacket(0x0C, key: "a").bytes, id: 2)
        let reply = try #require(BinaryPacket.all(try client.receiveRow(id: 2)))
        #expect(reply.map(\.value) == [Array("1".utf8)])
    }

    @Test func `what is malformed, unfinished or too much is dropped without an answer`() throws {
        let server = try server()
        let value = String(repeating: "x", count: 600_000)
        #expect(try server.client().exchange("set big 0 0 600000\r\n\(value)\r\n", "STORED\r\n"))
        let client = try client(server)

        try client.sendRaw([])
        try client.sendRaw([0, 1, 0, 0, 0])
        try client.sendRaw([0, 1, 0, 0, 0, 1, 0, 0])
        try client.send(Array("get k\r\n".utf8), id: 3, datagramCount: 2)
        try client.send(Array("get k\r\n".utf8), id: 3, datagramCount: 0)
        try client.send(Array("set k 0 0 100\r\nv\r\n".utf8), id: 4)
        try client.send(Array("get k".utf8), id: 5)
        try client.send(Array("watch\r\n".utf8), id: 6)
        try client.send([0x80, 0x01, 0xFF], id: 7)
        try client.send(Array("get big big big\r\n".utf8), id: 8)
        try client.send(Array("quit\r\n".utf8), id: 9)
        try client.send(Array("lru_crawler metadump all\r\n".utf8), id: 9)
        try client.send(Array("lru_crawler mgdump all\r\n".utf8), id: 9)

        #expect(try client.ask("mn\r\n", id: 10) == "MN\r\n")
    }

    @Test func `statistics of many prefixes or connections are sent only as far as any reply`() throws {
        let server = try server { ($0.threadCount, $0.countsPrefixes) = (1, true) }
        let (other, client) = (try server.client(), try client(server))
        #expect(try other.exchange("delete a:b\r\n", "NOT_FOUND\r\n"))
        #expect(try client.ask("stats detail dump\r\n", id: 1) == "PREFIX a get 0 hit 0 set 0 del 1\r\nEND\r\n")
        #expect(try client.ask("stats conns\r\n", id: 2).contains(":state conn_read\r\n"))

        // About two megabytes of them.
        let tail = String(repeating: "p", count: 230)
        for start in stride(from: 0, to: 8000, by: 1000) {
            try other.send((start..<start + 1000).map { "delete \($0)\(tail):k noreply\r\n" }.joined() + "mn\r\n")
            #expect(try other.receiveText(4) == "MN\r\n")
        }
        let before = server.sum { $0.bytesWritten.value }
        try client.send(Array("stats detail dump\r\n".utf8), id: 3)

        #expect(try client.ask("mn\r\n", id: 4) == "MN\r\n")
        #expect(server.sum { $0.bytesWritten.value } - before < 100)
    }

    @Test func `with logins there is no UDP`() throws {
        for words in [["-Y", "/f", "-U", "11211"], ["-Y", "/f", "-B", "binary"], ["-B", "auto", "-Y", "/f"]] {
            #expect(throws: StartError.self) { _ = try CommandLineParser.parse(words) }
        }
        _ = try CommandLineParser.parse(["-Y", "/f", "-B", "ascii"])
    }

    @Test func `an address may have a protocol of its own`() throws {
        let server = try server { $0.listenAddresses = ["proto[binary]:127.0.0.1"] }
        let client = try client(server)

        try client.send(Array("mn\r\n".utf8), id: 1)
        try client.send(BinaryPacket(0x0A).bytes, id: 2)

        #expect(BinaryPacket.all(try client.receiveRow(id: 2))?.count == 1)
    }
}

/// A UDP socket that sends requests and puts replies together; its reads give up after a minute.
final class DatagramClient {
    private let descriptor: Int32

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func sendRaw(_ bytes: [UInt8]) throws {
        let sent = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, 0) }
        try #require(sent == bytes.count)
    }

    func send(_ bytes: [UInt8], id: UInt16, datagramCount: UInt8 = 1) throws {
        try sendRaw([UInt8(id >> 8), UInt8(id & 255), 0, 0, 0, datagramCount, 0, 0] + bytes)
    }

    func ask(_ request: String, id: UInt16) throws -> String {
        try send(Array(request.utf8), id: id)
        return String(decoding: try receiveRow(id: id), as: UTF8.self)
    }

    /// The payload of all datagrams of one reply.
    func receiveRow(id: UInt16) throws -> [UInt8] {
        var parts: [Int: [UInt8]] = [:]
        while true {
            var buffer = [UInt8](repeating: 0, count: 2000)
            let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
            try #require(count > 8 && count <= 1400)
            try #require(
                buffer[0] == UInt8(id >> 8) && buffer[1] == UInt8(id & 255) && buffer[6] == 0 && buffer[7] == 0)
            parts[Int(buffer[2]) << 8 | Int(buffer[3])] = Array(buffer[8..<count])
            let total = Int(buffer[4]) << 8 | Int(buffer[5])
            if parts.count == total { return (0..<total).flatMap { parts[$0] ?? [] } }
        }
    }
}
