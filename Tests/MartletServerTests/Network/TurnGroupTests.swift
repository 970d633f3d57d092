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

    /// A server whose calls are noted, and such clients.
    private static func noted(_ count: Int) throws -> (CallNotes, SteppedServer, [SteppedClient]) {
        let notes = CallNotes()
        let server = try server(notes.table)
        let clients = try clients(server, count)
        notes.begin(clients)
        return (notes, server, clients)
    }

    private static func value(_ number: Int) -> String {
        "VALUE k\(number) 0 \("v\(number)".utf8.count)\r\nv\(number)\r\nEND\r\n"
    }

    private static let large = String(repeating: "l", count: 20_000)

    @Test("are read one after the other, and then sent to")
    func inSteps() throws {
        let (notes, server, clients) = try Self.noted(5)
        for (number, client) in clients.enumerated() { client.leave("get k\(number)\r\n") }

        server.round(of: 0)

        #expect(notes.calls == "r0 r1 r2 r3 r4 s0 s1 s2 s3 s4")
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
        let (notes, server, clients) = try Self.noted(4)
        clients[0].send("set large 0 0 20000\r\n\(Self.large)\r\n")
        #expect(clients[0].reply() == "STORED\r\n")

        // What is sent, and to whom, in the first round, the second, and, when it has had a small reply, the fourth.
        let together = "r0 r1 r2 r3 s0 s1 s2 s3"
        for calls in [together, "r0 s0 r1 s1 r2 r3 s2 s3", nil, together] {
            for (number, client) in clients.enumerated() {
                client.leave(number == 1 && calls != nil ? "get large\r\n" : "mn\r\n")
            }
            notes.begin(clients)
            server.round(of: 0)

            if let calls { #expect(notes.calls == calls) }
            for (number, client) in clients.enumerated() {
                let isLarge = number == 1 && calls != nil
                let value = "VALUE large 0 20000\r\n\(Self.large)\r\nEND\r\n"
                #expect(client.replyAlready() == (isLarge ? value : "MN\r\n"))
            }
        }
    }

    @Test(
        "hold back no reply while somebody else's turn may take long",
        arguments: [
            ("get none\r\n", 1), ("get\(String(repeating: " none", count: 500))\r\n", 0),
            ("get none\r\nset k1 0 0 5\r\nab", 0), (String(repeating: "get none\r\n", count: 65), 0),
        ])
    func longTurn(text: String, missesBeforeSending: Int) throws {
        let (notes, server, clients) = try Self.noted(3)
        let misses = server.context.pointee.workerCounters[0]
        clients[0].leave("mn\r\n")
        clients[1].leave(text)
        clients[2].leave("mn\r\n")

        var missesThen: Int?
        notes.willSend = { missesThen = missesThen ?? Int(misses.pointee.commands.getMisses.value) }
        server.round(of: 0)

        #expect(missesThen == missesBeforeSending)
        #expect(notes.calls.hasPrefix("r0 r1 "))
        for number in [0, 2] { #expect(clients[number].replyAlready() == "MN\r\n") }
    }

    @Test("end with much input, and hold no more replies than there is room for", arguments: [1500, 3000, 6000])
    func muchInput(bytes: Int) throws {
        let server = try Self.server()
        let clients = try Self.clients(server, 20)
        func value(_ number: Int) -> String { String(repeating: "\(number) ", count: bytes / "\(number) ".utf8.count) }

        for (number, client) in clients.enumerated() {
            client.leave("set k\(number) 0 0 \(value(number).utf8.count)\r\n\(value(number))\r\n")
        }
        server.round(of: 0)
        for client in clients { #expect(client.replyAlready() == "STORED\r\n") }
        for (number, client) in clients.enumerated() { client.leave("get k\(number)\r\n") }
        server.round(of: 0)

        for (number, client) in clients.enumerated() {
            let text = value(number)
            #expect(client.replyAlready() == "VALUE k\(number) 0 \(text.utf8.count)\r\n\(text)\r\nEND\r\n")
        }
    }

    @Test("may have more commands than a batch, where the setting says so")
    func manyCommands() throws {
        let server = try Self.server(commandsPerTurn: 500)
        let clients = try Self.clients(server, 3)

        for (number, client) in clients.enumerated() {
            client.leave(String(repeating: "get k\(number)\r\n", count: 100 + number))
        }
        server.round(of: 0)

        for (number, client) in clients.enumerated() {
            #expect(client.replyAlready() == String(repeating: Self.value(number), count: 100 + number))
        }
    }

    @Test("are counted one by one, by kind, where the server measures")
    func measured() throws {
        var settings = ServerSettings()
        settings.memoryBytes = 64 << 20
        settings.threadCount = 1
        settings.adminAddress = "127.0.0.1:0"
        let server = try SteppedServer(settings, secret: (1, 2), syscalls: .system)
        let clients = try Self.clients(server, 10)
        let counts = try #require(server.turnCounts(of: 0))
        func requests() -> [Int] {
            var totals = [LatencyTotals](repeating: LatencyTotals(), count: CommandKind.count)
            counts.pointee.add(to: &totals)
            return totals.map { Int($0.count) }
        }
        let (turnsBefore, before) = (counts.pointee.turns.value, requests())

        for (number, client) in clients.enumerated() {
            client.leave(number % 2 == 0 ? "get k\(number)\r\nget none\r\n" : "set k\(number) 0 0 1\r\nx\r\n")
        }
        server.round(of: 0)

        #expect(counts.pointee.turns.value - turnsBefore == 10)
        let counted = zip(requests(), before).map { $0 - $1 }
        #expect(counted.filter { $0 > 0 }.sorted() == [5, 10])
        #expect(counted.reduce(0, +) == 15)
    }

    @Test("send nothing where nothing is to be sent, and see what those before them have stored")
    func quiet() throws {
        let (notes, server, clients) = try Self.noted(3)
        clients[0].leave("set a 0 0 1 noreply\r\nx\r\n")
        clients[1].leave("get a\r\n")
        clients[2].leave("mg none\r\ndelete a\r\n")

        server.round(of: 0)

        #expect(notes.calls == "r0 r1 r2 s1 s2")
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
        let (notes, server, clients) = try Self.noted(3)
        clients[1].leave("quit\r\n")
        clients[0].leave("get k0\r\n")
        clients[2].leave("get k2\r\n")

        // Whenever somebody is read, more of it has come.
        notes.willReceive = { clients[1].leave(String(repeating: "x", count: 3000)) }
        server.round(of: 0)
        notes.willReceive = {}

        #expect(notes.calls.hasPrefix("r1 r0 r2 r1 s0 s2"))
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

    @Test("wait for room where a socket takes nothing, or a part", arguments: [0, 1, 5, 22, 23, 24, 46, 60])
    func fullSocket(bytes: Int) throws {
        let syscalls = FaultySyscalls()
        let server = try Self.server(syscalls.table)
        let clients = try Self.clients(server, 3)
        for (number, client) in clients.enumerated() { client.leave("get k\(number)\r\n") }

        syscalls.sendBytesLeft.store(bytes, ordering: .relaxed)
        server.round(of: 0)
        // Each reply has 23 bytes.
        for (number, client) in clients.enumerated() {
            #expect(server.wants(client) == (23 * (number + 1) <= bytes ? .input : .room))
        }
        syscalls.sendBytesLeft.store(-1, ordering: .relaxed)
        for client in clients { client.leave("mn\r\n") }
        repeat { server.round(of: 0) } while server.hasWork(0)

        for (number, client) in clients.enumerated() {
            #expect(client.reply() == Self.value(number) + "MN\r\n")
            #expect(client.isOpen)
        }
        #expect(server.context.pointee.budget.copiedBytes == 0)
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
        let server = try Self.server()
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

/// The order of the calls that read (r) and send (s), with the client's number. One thread.
private final class CallNotes {
    private var noted: [String] = []
    private var numbers: [Int32: Int] = [:]
    var willReceive = {}
    var willSend = {}

    var calls: String { noted.joined(separator: " ") }

    /// Forgets what has been noted.
    func begin(_ clients: [SteppedClient]) {
        noted = []
        for (number, client) in clients.enumerated() { numbers[client.serverDescriptor] = number }
    }

    private func note(_ letter: String, _ descriptor: Int32) {
        noted.append(letter + (numbers[descriptor].map { String($0) } ?? "?"))
    }

    var table: Syscalls {
        Syscalls(
            context: Unmanaged.passUnretained(self).toOpaque(),
            receive: { context, descriptor, pieces, count in
                CallNotes.of(context).note("r", descriptor)
                CallNotes.of(context).willReceive()
                return Syscalls.system.receiveCall(nil, descriptor, pieces, count)
            },
            send: { context, descriptor, pieces, count in
                CallNotes.of(context).note("s", descriptor)
                CallNotes.of(context).willSend()
                return Syscalls.system.sendCall(nil, descriptor, pieces, count)
            },
            accept: { _, listener, peer in Syscalls.system.acceptCall(nil, listener, peer) })
    }

    private static func of(_ context: UnsafeMutableRawPointer?) -> CallNotes {
        Unmanaged.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }
}
