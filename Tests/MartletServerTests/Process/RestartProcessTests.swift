import Glibc
import MartletServer
import ServerTesting
import Testing

/// The program as a whole over a restart: what a client has stored, and what is there when it comes back.
@Suite(.enabled(if: Program.path != nil, "martletd is not built"))
struct RestartProcessTests {
    private func start(_ folder: TemporaryFolder, _ words: [String] = []) throws -> (Program, TestClient) {
        unlink("\(folder.path)/socket")
        let program = try Program(
            Program.user + ["-s", "\(folder.path)/socket", "-t", "2", "-m", "16", "-e", "\(folder.path)/mem"] + words)
        return (program, try Program.connect(path: "\(folder.path)/socket"))
    }

    @Test(arguments: [[], ["-o", "restart_checksums"]])
    func `SIGUSR1 keeps the cache, and the next server has it`(_ words: [String]) throws {
        let folder = try TemporaryFolder()
        var (program, client) = try start(folder, words)
        #expect(try client.exchange("set a 5 0 5\r\nvalue\r\n", "STORED\r\n"))
        #expect(try client.exchange("set n 0 1000 2\r\n41\r\n", "STORED\r\n"))
        #expect(try client.exchange("incr n 1\r\n", "42\r\n"))
        #expect(try client.exchange("set gone 0 1 1\r\nx\r\n", "STORED\r\n"))
        #expect(try client.exchange("ms tagged 1 E77\r\ny\r\n", "HD\r\n"))
        let life = try #require(try life(of: "n", client))
        #expect(life > 990)

        program.signal(SIGUSR1)
        var end = program.end()
        #expect(end.status == 0)
        #expect(end.errors.contains("Gracefully stopping\n"))
        #expect(folder.exists("mem.meta"))
        usleep(1_100_000)

        (program, client) = try start(folder, words)
        #expect(!folder.exists("mem.meta"))
        #expect(try client.exchange("get a\r\n", "VALUE a 5 5\r\nvalue\r\nEND\r\n"))
        #expect(try client.exchange("get n gone\r\n", "VALUE n 0 2\r\n42\r\nEND\r\n"))
        #expect(try client.exchange("mg tagged c v\r\n", "VA 1 c77\r\ny\r\n"))
        let left = try #require(try self.life(of: "n", client))
        #expect(left < life && left > life - 600)
        #expect(try client.exchange("incr n 1\r\n", "43\r\n"))
        program.signal(SIGTERM)
        end = program.end()
        #expect(end.status == 0)
        #expect(end.errors.contains("items taken up in"))
    }

    private func life(of key: String, _ client: TestClient) throws -> Int? {
        try client.send("mg \(key) t\r\n")
        return Int(try client.line().drop { !"0123456789".contains($0) })
    }

    @Test func `shutdown graceful is a planned stop, shutdown alone and SIGTERM are not`() throws {
        let folder = try TemporaryFolder()
        var (program, client) = try start(folder, ["-A"])
        #expect(try client.exchange("set a 0 0 1\r\n1\r\n", "STORED\r\n"))
        try client.send("shutdown graceful\r\n")
        #expect(program.end().status == 0)
        #expect(folder.exists("mem.meta"))

        (program, client) = try start(folder, ["-A"])
        #expect(try client.exchange("get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n"))
        try client.send("shutdown\r\n")
        _ = program.end()
        #expect(!folder.exists("mem.meta"))

        (program, client) = try start(folder, ["-A"])
        #expect(try client.exchange("get a\r\n", "END\r\n"))
        program.signal(SIGTERM)
        #expect(program.end().errors.contains("starting with an empty cache"))
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGUSR1, SIGHUP])
    func `whatever signals follow, a planned stop hands on`(_ number: Int32) throws {
        let folder = try TemporaryFolder()
        for _ in 0..<3 {
            let (program, client) = try start(folder)
            #expect(try client.exchange("set a 0 0 1\r\n1\r\n", "STORED\r\n"))
            client.close()

            program.signal(SIGUSR1)
            while program.isRunning { program.signal(number) }

            #expect(program.end().status == 0)
            #expect(folder.exists("mem.meta"))
        }
    }

    @Test func `a planned stop that comes while the saved cache is taken up hands it on`() throws {
        let folder = try TemporaryFolder()
        let (first, client) = try start(folder)
        #expect(try client.exchange("set a 0 0 1\r\n1\r\n", "STORED\r\n"))
        first.signal(SIGUSR1)
        #expect(first.end().status == 0)
        for _ in 0..<3 {
            let words = ["-s", "\(folder.path)/socket", "-t", "2", "-m", "16", "-e", "\(folder.path)/mem"]
            let program = try Program(Program.user + words)

            while folder.exists("mem.meta"), program.isRunning {}
            program.signal(SIGUSR1)

            #expect(program.end().status == 0)
            #expect(folder.exists("mem.meta"))
        }
        let (last, later) = try start(folder)
        #expect(try later.exchange("get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n"))
        last.signal(SIGTERM)
        #expect(last.end().status == 0)
    }

    @Test func `a server that cannot listen hands on what it has taken up`() throws {
        let folder = try TemporaryFolder()
        var (program, client) = try start(folder)
        #expect(try client.exchange("set a 0 0 1\r\n1\r\n", "STORED\r\n"))
        program.signal(SIGUSR1)
        #expect(program.end().status == 0)

        let end = try Program.run(
            Program.user + ["-s", "/no/such/folder/socket", "-t", "2", "-m", "16", "-e", "\(folder.path)/mem"])
        #expect(end.status == 71)
        #expect(folder.exists("mem.meta"))
        (program, client) = try start(folder)
        #expect(try client.exchange("get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n"))
    }

    @Test func `files that cannot be had end the start with a sentence`() throws {
        let folder = try TemporaryFolder()
        fclose(fopen("\(folder.path)/mem.meta", "w"))
        let orphaned = try Program.run(Program.user + ["-p", "-1", "-e", "\(folder.path)/mem"])
        #expect(orphaned.status == 1)
        #expect(orphaned.errors.contains("mem.meta is there, but"))

        let nowhere = try Program.run(Program.user + ["-p", "-1", "-e", "/no/such/folder/mem"])
        #expect(nowhere.status == 1)
        #expect(nowhere.errors.contains("cannot open /no/such/folder/mem"))

        unlink("\(folder.path)/mem.meta")
        let (program, client) = try start(folder)
        let second = try Program.run(Program.user + ["-p", "-1", "-m", "16", "-e", "\(folder.path)/mem"])
        #expect(second.status == 1)
        #expect(second.errors.contains("in use by another server"))
        #expect(try client.exchange("mn\r\n", "MN\r\n"))
        program.signal(SIGTERM)
        #expect(program.end().status == 0)
    }

    private static var sharedMemoryBytes: UInt64 {
        var facts = statvfs()
        guard statvfs("/dev/shm", &facts) == 0 else { return .max }
        return UInt64(facts.f_blocks) * UInt64(facts.f_frsize)
    }

    @Test(.enabled(if: Self.sharedMemoryBytes < 200 << 30, "no file system that is small enough"))
    func `a file system without room ends the start with a sentence`() throws {
        let path = "/dev/shm/martlet-test-\(getpid())"
        defer { unlink(path) }
        let end = try Program.run(Program.user + ["-p", "-1", "-m", "204800", "-e", path])

        #expect(end.status == 1)
        #expect(end.errors.contains("cannot get 204800 megabytes for \(path): No space left on device"))
    }

    /// Kills the server while clients write: what was answered must be there in this version or a later one, and whole.
    @Test func `SIGKILL with restart_checksums loses nothing that was answered, and mixes nothing`() throws {
        let folder = try TemporaryFolder()
        let words = ["-o", "restart_checksums"]
        let keyCount = 40
        var versions = [Int](repeating: 0, count: keyCount)
        for round in 1...5 {
            var (program, client) = try start(folder, words)
            for key in 0..<keyCount where versions[key] > 0 {
                let found = try #require(try version(of: key, client), "round \(round), key \(key)")
                #expect(found == versions[key] || found == versions[key] + 1, "round \(round), key \(key)")
                versions[key] = found
            }
            let process = program.process
            // From the first answer on: a busy machine may take longer for that than for all the others.
            var killer: Killer?
            do {
                var number = round
                while true {
                    number = (number &* 13 + 7) % 10_007
                    let key = number % keyCount
                    let value = Self.value(key, versions[key] + 1)
                    guard try client.exchange("set key\(key) 0 0 \(value.utf8.count)\r\n\(value)\r\n", "STORED\r\n")
                    else {
                        break
                    }
                    versions[key] += 1
                    if killer == nil { killer = Killer(process, afterMicroseconds: UInt32(20_000 * round)) }
                }
            } catch {}
            killer?.wait()
            #expect(killer != nil, "round \(round)")
            if killer == nil { program.signal(SIGKILL) }
            #expect(program.end().status == -1)
            #expect(versions.contains { $0 > 0 })
            (program, client) = try start(folder, words)
            for key in 0..<keyCount where versions[key] > 0 {
                let found = try #require(try version(of: key, client), "round \(round), key \(key)")
                #expect(found == versions[key] || found == versions[key] + 1, "round \(round), key \(key)")
                versions[key] = found
            }
            program.signal(SIGKILL)
            _ = program.end()
        }
    }

    /// A value that tells key and version all through, of a size of its own: some are chains.
    private static func value(_ key: Int, _ version: Int) -> String {
        String(repeating: "\(key)/\(version);", count: [1, 20, 400, 3000, 20_000][(key + version / 3) % 5])
    }

    private func version(of key: Int, _ client: TestClient) throws -> Int? {
        try client.send("mg key\(key) v\r\n")
        let head = try client.line()
        guard head.hasPrefix("VA ") else { return nil }
        let value = try client.receiveText((Int(head.dropFirst(3)) ?? 0) + 2).replacing("\r\n", with: "")
        guard let version = value.prefix(while: { $0 != ";" }).split(separator: "/").last.flatMap({ Int($0) }) else {
            return nil
        }
        #expect(value == Self.value(key, version))
        return version
    }
}

extension TestClient {
    /// What comes up to the next CR LF, without it.
    fileprivate func line() throws -> String {
        var bytes: [UInt8] = []
        while !bytes.suffix(2).elementsEqual([13, 10]) {
            let next = try receive(1)
            if next.isEmpty { throw Program.Failure(what: "the stream has ended") }
            bytes += next
        }
        return String(decoding: bytes.dropLast(2), as: UTF8.self)
    }
}

/// Ends a process after a while, whatever the test is doing.
private final class Killer: Sendable {
    private let thread: pthread_t

    init(_ process: pid_t, afterMicroseconds: UInt32) {
        var thread = pthread_t()
        let order = UnsafeMutablePointer<(pid_t, UInt32)>.allocate(capacity: 1)
        order.initialize(to: (process, afterMicroseconds))
        pthread_create(
            &thread, nil,
            { context in
                let order = context!.assumingMemoryBound(to: (pid_t, UInt32).self)
                usleep(order.pointee.1)
                kill(order.pointee.0, SIGKILL)
                order.deallocate()
                return nil
            }, order)
        self.thread = thread
    }

    func wait() { pthread_join(thread, nil) }
}
