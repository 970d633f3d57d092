import Glibc
import MartletServer
import ServerTesting
import Testing

/// Goal: connections that are due at once are served together, and each as if it were alone: same replies, same ends,
/// whatever happens to the others.
/// Method: a server without threads over socket pairs; who is due is said, and the order of the system calls is noted.
@Suite("Turns taken together")
struct TurnGroupTests {
    private static func server(
        _ syscalls: Syscalls = .system, commandsPerTurn: Int = Limits.commandsPerTurnDefault
    ) throws -> SteppedServer {
        var settings = ServerSettings()
        settings.memoryBytes = 64 << 20
        settings.threadCount = 1
        settings.commandsPerTurn = commandsPerTurn
        return try SteppedServer(settings, secret: (1, 2), syscalls: syscalls)
    }

    /// Clients whose connections have had a first command and a value each: `k0` holds `v0`, and so on.
    private static func clients(_ server: SteppedServer, _ count: Int) throws -> [SteppedClient] {
        try (0..<count).map { number in
            let client = try SteppedClient(server)
            client.send("set k\(number) 0 0 \("v\(number)".utf8.count)\r\nv\(number)\r\n")
            #expect(client.reply() == "STORED\r\n")
            return client
        }
    }

    private static func value(_ number: Int) -> String {
        "VALUE k\(number) 0 \("v\(number)".utf8.count)\r\nv\(number)\r\nEND\r\n"
    }

    private static let large = String(repeating: "l", count: 20_000)

    @Test("are read one after the other, and then sent to")
    func inSteps() throws {
        let notes = CallNotes()
        let server = try Self.server(notes.table)
        let clients = try Self.clients(server, 5)
        for (number, client) in clients.enumerated() { client.leave("get k\(number)\r\n") }

        notes.calls = ""
        server.round(of: 0)

        #expect(notes.calls == "rrrrrsssss")
        for (number, client) in clients.enumerated() { #expect(client.replyAlready() == Self.value(number)) }
    }

    @Test(
        "are all taken, however many and however long", arguments: [1, 2, 3, 16, 17, 40], [1, 7, 16, 63, 64, 65, 200])
    func all(count: Int, length: Int) throws {
        let server = try Self.server()
        let clients = try Self.clients(server, count)

        for (number, client) in clients.enumerated() {
            client.leave(String(repeating: "get k\(number)\r\n", count: length))
        }
        repeat { server.round(of: 0) } while server.hasWork(0)

        for (number, client) in clients.enumerated() {
            #expect(client.replyAlready() == String(repeating: Self.value(number), count: length))
        }
    }

    @Test("are cut short as the setting says, and go on in the next round")
    func fewCommands() throws {
        let server = try Self.server(commandsPerTurn: 2)
        let clients = try Self.clients(server, 3)

        for (number, client) in clients.enumerated() { client.leave(String(repeating: "get k\(number)\r\n", count: 5)) }
        server.round(of: 0)
        for (number, client) in clients.enumerated() {
            #expect(client.replyAlready() == String(repeating: Self.value(number), count: 2))
        }
        repeat { server.round(of: 0) } while server.hasWork(0)

        for (number, client) in clients.enumerated() {
            #expect(client.replyAlready() == String(repeating: Self.value(number), count: 3))
        }
    }

    @Test("keep small replies for the end, but not behind a large one, whose client has turns of its own then")
    func largeReply() throws {
        let notes = CallNotes()
        let server = try Self.server(notes.table)
        let clients = try Self.clients(server, 4)
        clients[0].send("set large 0 0 20000\r\n\(Self.large)\r\n")
        #expect(clients[0].reply() == "STORED\r\n")

        for round in 1...2 {
            for (number, client) in clients.enumerated() { client.leave(number == 1 ? "get large\r\n" : "mn\r\n") }
            notes.calls = ""
            server.round(of: 0)

            // In the second round it stands between one that is alone before it and two that are not.
            #expect(notes.calls == (round == 1 ? "rrrrssss" : "rsrsrrss"))
            for (number, client) in clients.enumerated() {
                let reply = number == 1 ? "VALUE large 0 20000\r\n\(Self.large)\r\nEND\r\n" : "MN\r\n"
                #expect(client.replyAlready() == reply)
            }
        }
        clients[1].leave("mn\r\n")
        server.round(of: 0)
        for client in clients { client.leave("mn\r\n") }
        notes.calls = ""
        server.round(of: 0)

        #expect(notes.calls == "rrrrssss")
    }

    @Test("send nothing where nothing is to be sent, and see what those before them have stored")
    func quiet() throws {
        let notes = CallNotes()
        let server = try Self.server(notes.table)
        let clients = try Self.clients(server, 3)
        clients[0].leave("set a 0 0 1 noreply\r\nx\r\n")
        clients[1].leave("get a\r\n")
        clients[2].leave("mg none\r\ndelete a\r\n")

        notes.calls = ""
        server.round(of: 0)

        #expect(notes.calls == "rrrss")
        #expect(clients.map { $0.replyAlready() } == ["", "VALUE a 0 1\r\nx\r\nEND\r\n", "EN\r\nDELETED\r\n"])
    }

    @Test(
        "end a connection without touching what was read for the others",
        arguments: ["quit\r\n", "bad\u{1}\r\nquit\r\n"])
    func quit(text: String) throws {
        let server = try Self.server()
        let clients = try Self.clients(server, 3)
        clients[0].leave("get k0\r\n")
        // What comes behind it is read, to be dropped, before the third one's turn.
        clients[1].leave(text + String(repeating: "x", count: 500))
        clients[2].leave("get k2\r\n")

        server.round(of: 0)
        clients[1].leaveForGood()
        server.round(of: 0)

        #expect(clients[0].replyAlready() == Self.value(0))
        #expect(clients[2].replyAlready() == Self.value(2))
        #expect(clients.map(\.isOpen) == [true, false, true])
    }

    @Test("drop what ended clients still send where nobody's input lies")
    func draining() throws {
        let notes = CallNotes()
        let server = try Self.server(notes.table)
        let clients = try Self.clients(server, 3)
        clients[1].leave("quit\r\n")
        clients[0].leave("get k0\r\n")
        clients[2].leave("get k2\r\n")

        // Whenever somebody is read, more of it has come.
        notes.calls = ""
        notes.willReceive = { clients[1].leave(String(repeating: "x", count: 3000)) }
        server.round(of: 0)
        notes.willReceive = {}

        #expect(notes.calls.hasPrefix("rrrrss"))
        #expect(clients[0].replyAlready() == Self.value(0))
        #expect(clients[2].replyAlready() == Self.value(2))
        clients[1].leaveForGood()
        server.round(of: 0)
        #expect(!clients[1].isOpen)
    }

    @Test("tell the heads of large values apart")
    func largeValues() throws {
        let server = try Self.server()
        let clients = try Self.clients(server, 3)
        func head(_ number: Int) -> String { "get k\(number)\r\nset large\(number) \(number) 0 2000\(number)\r\n" }
        func value(_ number: Int) -> String { Self.large + String(repeating: "\(number)", count: number) }

        for (number, client) in clients.enumerated() { client.leave(head(number) + value(number).prefix(100)) }
        server.round(of: 0)
        for (number, client) in clients.enumerated() { client.send(value(number).dropFirst(100) + "\r\n") }

        for (number, client) in clients.enumerated() {
            #expect(client.reply() == Self.value(number) + "STORED\r\n")
            client.send("get large\(number)\r\n")
            #expect(client.reply() == "VALUE large\(number) \(number) 2000\(number)\r\n\(value(number))\r\nEND\r\n")
        }
    }

    @Test("wait for room where a socket takes nothing, or a part", arguments: [0, 1, 5, 17, 18])
    func fullSocket(bytes: Int) throws {
        let syscalls = FaultySyscalls()
        let server = try Self.server(syscalls.table)
        let clients = try Self.clients(server, 3)
        for (number, client) in clients.enumerated() { client.leave("get k\(number)\r\n") }

        syscalls.sendBytesLeft.store(bytes, ordering: .relaxed)
        server.round(of: 0)
        let waiting = server.context.pointee.workerCounters[0].pointee.network.bytesWritten.value
        syscalls.sendBytesLeft.store(-1, ordering: .relaxed)
        for client in clients { client.leave("mn\r\n") }
        repeat { server.round(of: 0) } while server.hasWork(0)

        #expect(waiting > 0)
        for (number, client) in clients.enumerated() {
            #expect(client.reply() == Self.value(number) + "MN\r\n")
            #expect(client.isOpen)
        }
    }

    @Test("cost nobody else the connection where there is no memory to wait for room")
    func noMemory() throws {
        let syscalls = FaultySyscalls()
        let server = try Self.server(syscalls.table)
        let clients = try Self.clients(server, 3)
        for (number, client) in clients.enumerated() { client.leave("get k\(number)\r\n") }

        syscalls.sendsRefused.store(1, ordering: .relaxed)
        syscalls.refusesMemory.store(true, ordering: .releasing)
        server.round(of: 0)
        syscalls.refusesMemory.store(false, ordering: .releasing)

        #expect(clients.map(\.isOpen) == [false, true, true])
        #expect(server.kicks.memory == 1)
        #expect(clients.map { $0.replyAlready() } == ["", Self.value(1), Self.value(2)])
    }

    @Test("outlive clients that have gone, or whose turn finds nothing")
    func gone() throws {
        let syscalls = FaultySyscalls()
        let server = try Self.server(syscalls.table)
        let clients = try Self.clients(server, 4)
        clients[0].leave("")
        clients[1].leave("get k1\r\n")
        clients[2].leaveForGood()
        clients[3].leave("get k3\r\n")

        server.round(of: 0)

        #expect(clients.map(\.isOpen) == [true, true, false, true])
        #expect(clients.map { $0.replyAlready() } == ["", Self.value(1), "", Self.value(3)])
        #expect(clients[0].reply() == "")
    }

    @Test("keep the beginning of a command until the rest is there", arguments: 1..<26)
    func cut(at position: Int) throws {
        let server = try Self.server()
        let clients = try Self.clients(server, 3)
        let text = Array("get k1\r\nset k1 0 0 2\r\nw1\r\n".utf8)

        clients[0].leave("get k0\r\n")
        clients[1].leave(String(decoding: text[..<position], as: UTF8.self))
        clients[2].leave("get k2\r\n")
        server.round(of: 0)
        let early = clients[1].replyAlready()
        clients[1].leave(String(decoding: text[position...], as: UTF8.self))
        clients[0].leave("mn\r\n")
        repeat { server.round(of: 0) } while server.hasWork(0)

        #expect(clients[0].replyAlready() == Self.value(0) + "MN\r\n")
        #expect(early + clients[1].replyAlready() == Self.value(1) + "STORED\r\n")
        #expect(clients[2].replyAlready() == Self.value(2))
    }
}

/// The order of the calls that read (r) and send (s). One thread.
private final class CallNotes {
    var calls = ""
    var willReceive = {}

    var table: Syscalls {
        Syscalls(
            context: Unmanaged.passUnretained(self).toOpaque(),
            receive: { context, descriptor, pieces, count in
                CallNotes.of(context).calls += "r"
                CallNotes.of(context).willReceive()
                return Syscalls.system.receiveCall(nil, descriptor, pieces, count)
            },
            send: { context, descriptor, pieces, count in
                CallNotes.of(context).calls += "s"
                return Syscalls.system.sendCall(nil, descriptor, pieces, count)
            },
            accept: { _, listener, peer in Syscalls.system.acceptCall(nil, listener, peer) })
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> CallNotes {
        Unmanaged.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }
}
