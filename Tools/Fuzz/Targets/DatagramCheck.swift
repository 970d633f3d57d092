import ExecutionTesting
import MartletProtocol
import MartletServer

/// A datagram of UDP: its head says what it should, and what it holds is carried out by a connection of its own, of
/// which nothing is left for the next.
enum DatagramCheck {
    static func check(_ input: [UInt8]) throws {
        let header = input.withUnsafeBytes { DatagramHeader(ofRequest: $0) }
        let isRequest = input.count > DatagramHeader.bytes && input[4] == 0 && input[5] == 1
        try FuzzFinding.expect(
            (header != nil) == isRequest, "a head of \(input.prefix(8)) was read as \(header as Any)")
        guard let header else { return }
        var written = [UInt8](repeating: 0xaa, count: DatagramHeader.bytes)
        written.withUnsafeMutableBytes { header.write(at: $0.baseAddress!) }
        try FuzzFinding.expect(written == input.prefix(6) + [0, 0], "a head does not survive being written")
        try serve(Array(input.dropFirst(DatagramHeader.bytes)))
    }

    private static func serve(_ request: [UInt8]) throws {
        let server = try StreamCheck.server(StreamCheck.settings)
        let other = server.connect()
        other.send("set a 0 0 5\r\nhello\r\nset b 1 0 20000\r\n")
        other.send([UInt8](repeating: 0x78, count: 20000) + [13, 10])
        answer(request, server)
        let next = server.connect(commandsMax: Limits.commandsPerDatagramMax, isDatagram: true)
        try FuzzFinding.expect(next.ask("mn\r\n") == "MN\r\n", "a datagram has left something to the next")
        if request.count & 7 == 0 { try StreamCheck.expectNothingHeld(server) }
    }

    /// The connection lives as long as the answer takes.
    private static func answer(_ request: [UInt8], _ server: LogicServer) {
        server.connect(commandsMax: Limits.commandsPerDatagramMax, isDatagram: true).send(request)
    }
}
