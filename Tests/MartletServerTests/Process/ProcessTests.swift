import Glibc
import MartletServer
import ServerTesting
import Testing

/// The program as a whole: what it prints, how it ends, and what it leaves behind.
@Suite(.enabled(if: Program.path != nil, "martletd is not built"))
struct ProcessTests {
    @Test(arguments: [(["-h"], "--unix-socket"), (["-V"], "martletd "), (["-i"], "Apache License")])
    func `texts go to stdout and end with 0`(_ words: [String], _ text: String) throws {
        let end = try Program.run(words)

        #expect(end.status == 0)
        #expect(end.output.contains(text))
        #expect(end.errors.isEmpty)
    }

    @Test(
        arguments: [
            (["-Q"], 1), (["-t", "0"], 1), (["-c", "0"], 1), (["-I", "1000"], 64), (["-B", "http"], 64), (["-Z"], 64),
            (["-o", "nosuch"], 1),
        ] as [([String], Int32)])
    func `mistakes go to stderr and end with their status`(_ words: [String], _ status: Int32) throws {
        let end = try Program.run(Program.user + words)

        #expect(end.status == status)
        #expect(end.output.isEmpty)
        #expect(end.errors.split(separator: "\n").count == 1)
    }

    @Test(.enabled(if: Program.isRoot))
    func `root has to say whom it wants to be`() throws {
        let nobody = try Program.run(["-p", "-1"])
        let unknown = try Program.run(["-p", "-1", "-u", "no-such-user"])

        #expect(nobody.status == 64)
        #expect(
            nobody.errors
                == "must add '-u root' to start as root, or better '-u' and another user, such as '-u nobody'\n")
        #expect(unknown.status == 67)
        #expect(unknown.errors == "can't find the user no-such-user to switch to\n")
    }

    @Test(arguments: [["-l", "256.256.256.256"], ["-s", "/no/such/folder/socket"]])
    func `an address that cannot be had ends with 71`(_ words: [String]) throws {
        #expect(try Program.run(Program.user + ["-p", "-1"] + words).status == 71)
    }

    @Test func `more connections than the system has descriptors end with 71`() throws {
        let end = try Program.run(Program.user + ["-c", "2147483647"])

        #expect(end.status == 71)
        #expect(end.errors.contains("rlimit"))
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGUSR1])
    func `a signal ends the server with 0 and nothing left behind`(_ number: Int32) throws {
        let folder = try TemporaryFolder()
        let program = try Program(
            Program.user + ["-s", "\(folder.path)/socket", "-P", "\(folder.path)/pid", "-t", "1"])

        #expect(Program.eventually { folder.exists("pid") })
        #expect(folder.exists("socket"))
        #expect(folder.text("pid") == "\(program.process)\n")
        #expect(!folder.exists("pid.tmp"))

        program.signal(number)
        #expect(program.end().status == 0)
        #expect(!folder.exists("pid"))
        #expect(!folder.exists("socket"))
    }

    @Test func `without -r no core file is written, whatever limit was inherited`() throws {
        let resource = __rlimit_resource_t(RLIMIT_CORE.rawValue)
        var inherited = rlimit()
        getrlimit(resource, &inherited)
        var raised = rlimit(rlim_cur: inherited.rlim_max, rlim_max: inherited.rlim_max)
        setrlimit(resource, &raised)
        defer { setrlimit(resource, &inherited) }
        let folder = try TemporaryFolder()
        let program = try Program(Program.user + ["-s", "\(folder.path)/socket", "-t", "1"])
        #expect(Program.eventually { folder.exists("socket") })

        #expect(program.limit(RLIMIT_CORE)?.rlim_cur == 0)
    }

    @Test func `the thread that makes memory lets the others go first`() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/socket"
        let program = try Program(Program.user + ["-s", path, "-t", "2"])
        #expect(try Program.connect(path: path).exchange("mn\r\n", "MN\r\n"))

        // A thread has its name, and the niceness of its own, only from when it runs. There is none above 19.
        let own = try #require(program.threads["martletd"])
        #expect(Program.eventually { program.threads["memory-maker"] == min(own + 10, 19) })
        for other in ["worker-0", "worker-1", "maintainer"] {
            #expect(Program.eventually { program.threads[other] != nil })
            #expect(program.threads[other] == own)
        }
    }

    @Test func `an admin endpoint without descriptors neither spins nor fills the log, and answers later`() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/socket"
        let program = try Program(Program.user + ["-v", "-s", path, "-t", "1", "--admin", "-1"])
        let client = try Program.connect(path: path)
        #expect(try client.exchange("mn\r\n", "MN\r\n"))
        let name = "admin endpoint at tcp:127.0.0.1:"
        #expect(Program.eventually { program.errors.contains(name) })
        let line = try #require(program.errors.split(separator: "\n").first { $0.contains(name) })
        let port = try #require(line.split(separator: ":").last.flatMap { UInt16($0) })

        let before = try #require(program.limit(RLIMIT_NOFILE))
        program.limit(RLIMIT_NOFILE, to: rlimit(rlim_cur: 0, rlim_max: before.rlim_max))
        let asker = try TestClient(port: port)
        try asker.send("GET /healthz HTTP/1.0\r\n\r\n")
        // Time in which a loop that only fails would write much.
        for _ in 0..<2000 { #expect(try client.exchange("mn\r\n", "MN\r\n")) }
        program.limit(RLIMIT_NOFILE, to: before)

        #expect(String(decoding: try asker.receiveAll(), as: UTF8.self).hasPrefix("HTTP/1.0 200"))
        #expect(program.errors.split(separator: "\n").count < 20)
    }

    @Test func `the background takes another process, which the pid file names`() throws {
        let folder = try TemporaryFolder()
        let end = try Program.run(
            Program.user + ["-d", "-s", "\(folder.path)/socket", "-P", "\(folder.path)/pid", "-t", "1"])

        #expect(end.status == 0)
        #expect(Program.eventually { folder.exists("pid") })
        let process = try #require(folder.text("pid").flatMap { pid_t($0.dropLast()) })
        #expect(kill(process, 0) == 0)

        kill(process, SIGTERM)
        #expect(Program.eventually { !folder.exists("pid") })
        #expect(!folder.exists("socket"))
    }

    @Test func `a pid file that cannot be written is only remarked upon`() throws {
        let folder = try TemporaryFolder()
        let program = try Program(
            Program.user + ["-s", "\(folder.path)/socket", "-P", "/no/such/folder/pid", "-t", "1"])
        #expect(Program.eventually { folder.exists("socket") })

        program.signal(SIGTERM)
        let end = program.end()

        #expect(end.status == 0)
        #expect(end.errors.contains("cannot write the pid file"))
    }

    @Test func `a secret that everybody may read is remarked upon, and no more`() throws {
        let folder = try TemporaryFolder()
        let users = try TemporaryFile("ann:secret\n")
        chmod(users.path, 0o644)
        let program = try Program(Program.user + ["-s", "\(folder.path)/socket", "-Y", users.path, "-t", "1"])
        #expect(Program.eventually { folder.exists("socket") })

        program.signal(SIGTERM)
        let end = program.end()

        #expect(end.status == 0)
        #expect(
            end.errors == "martletd: remark: -Y: \(users.path): every user of this machine may read it\n"
                + "Signal handled: Terminated.\n")
    }

    @Test func `in the background, too, and before whoever starts it has gone on`() throws {
        let folder = try TemporaryFolder()
        let end = try Program.run(
            Program.user + ["-d", "-A", "-s", "\(folder.path)/socket", "-P", "/no/such/folder/pid", "-t", "1"])
        let client = try Program.connect(path: "\(folder.path)/socket")
        try client.send("shutdown\r\n")

        #expect(end.status == 0)
        #expect(end.errors.contains("cannot write the pid file /no/such/folder/pid.tmp"))
        #expect(Program.eventually { !folder.exists("socket") })
    }

    @Test func `whoever supervises the process hears when it is ready, and when it stops`() throws {
        let folder = try TemporaryFolder()
        let supervisor = try Supervisor(path: "\(folder.path)/notify")
        let program = try Program(
            Program.user + ["-s", "\(folder.path)/socket", "-t", "1"],
            environment: ["NOTIFY_SOCKET": "\(folder.path)/notify"])

        #expect(supervisor.next() == "READY=1\nMAINPID=\(program.process)\n")
        #expect(folder.exists("socket"))
        program.signal(SIGTERM)
        #expect(supervisor.next() == "STOPPING=1\n")
        #expect(program.end().status == 0)
    }

    @Test func `a socket that comes with the process is listened on, and its file stays`() throws {
        let folder = try TemporaryFolder()
        let supervisor = try Supervisor(path: "\(folder.path)/handed", listens: true)
        let program = try Program(
            Program.user + ["-s", "\(folder.path)/unused", "-t", "1"], inherited: supervisor.descriptor)
        let client = try TestClient(path: "\(folder.path)/handed")

        #expect(try client.exchange("mn\r\n", "MN\r\n"))
        #expect(!folder.exists("unused"))
        program.signal(SIGTERM)
        #expect(program.end().status == 0)
        #expect(folder.exists("handed"))
    }

    @Test func `very verbose, the server writes commands and replies to stderr, and no values`() throws {
        let folder = try TemporaryFolder()
        let program = try Program(Program.user + ["-vv", "-s", "\(folder.path)/socket", "-t", "1"])
        let client = try Program.connect(path: "\(folder.path)/socket")

        #expect(try client.exchange("set a\u{7F} 0 0 6\r\nsecret\r\n", "STORED\r\n"))
        #expect(try client.exchange("nosuch\r\n", "ERROR\r\n"))
        #expect(try client.exchange("verbosity 0\r\n", "OK\r\n"))
        #expect(try client.exchange("get quiet\r\n", "END\r\n"))
        program.signal(SIGTERM)
        let errors = program.end().errors

        for line in [" set a\\x7f 0 0 6\n", " STORED\n", " nosuch\n", " ERROR\n"] { #expect(errors.contains(line)) }
        #expect(!errors.contains("secret") && !errors.contains("quiet"))
    }

    /// Keys are written, cut and escaped: SECURITY.md says so.
    @Test func `very verbose, the server writes no value and no password of any protocol`() throws {
        let folder = try TemporaryFolder()
        let users = try TemporaryFile("ann:s3cret\n")
        let binary = try Program(Program.user + ["-vv", "-s", "\(folder.path)/binary", "-t", "1"])
        let locked = try Program(Program.user + ["-vv", "-Y", users.path, "-s", "\(folder.path)/locked", "-t", "1"])
        let (client, other) = (
            try Program.connect(path: "\(folder.path)/binary"), try Program.connect(path: "\(folder.path)/locked")
        )

        // A set of k with the value s3cret-value, a get of it, and a no-op of the binary protocol.
        let value = Array("s3cret-value".utf8)
        let set: [UInt8] =
            [0x80, 1, 0, 1, 8, 0, 0, 0, 0, 0, 0, UInt8(9 + value.count)] + [UInt8](repeating: 0, count: 20) + [0x6B]
        try client.send(set + value)
        #expect(try client.receive(24).count == 24)
        try client.send([0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 12) + [0x6B])
        #expect(try client.receive(28 + value.count).suffix(value.count) == value[...])
        let text = try Program.connect(path: "\(folder.path)/binary")
        #expect(try text.exchange("ms k 12\r\ns3cret-value\r\nmg k v\r\n", "HD\r\nVA 12\r\ns3cret-value\r\n"))
        #expect(try text.exchange("get k\r\n", "VALUE k 0 12\r\ns3cret-value\r\nEND\r\n"))
        try countSecretly(client, text)
        #expect(try other.exchange("set a 0 0 9\r\nann s3cre\r\n", "CLIENT_ERROR authentication failure\r\n"))
        #expect(try other.exchange("set a 0 0 10\r\nann s3cret\r\n", "STORED\r\n"))
        #expect(try other.exchange("mg k\r\n", "EN\r\n"))
        for program in [binary, locked] { program.signal(SIGTERM) }
        let errors = binary.end().errors + locked.end().errors

        #expect(errors.contains(" ms k 12\n") && errors.contains(" mg k"))
        #expect(!errors.contains("s3cre"), "\(errors)")
        #expect(errors.contains(" incr n <number>\n") && errors.contains(" ma m N0 J<number> v\n"), "\(errors)")
        // What the counters have been, begin with and count by.
        for number in ["424242", "424243", "535353", "535354", "1111111111111111"] {
            #expect(!errors.contains(number), "\(errors)")
        }
    }

    /// A counter of each kind, and one of the binary protocol whose numbers are sixteen times the byte `1`.
    private func countSecretly(_ client: TestClient, _ text: TestClient) throws {
        #expect(try text.exchange("set n 0 0 6\r\n424242\r\n", "STORED\r\n"))
        #expect(try text.exchange("incr n 1\r\n", "424243\r\n"))
        #expect(try text.exchange("decr n 1\r\n", "424242\r\n"))
        #expect(try text.exchange("ma m N0 J535353 v\r\n", "VA 6\r\n535353\r\n"))
        #expect(try text.exchange("ma m v D1\r\n", "VA 6\r\n535354\r\n"))
        let header: [UInt8] = [0x80, 5, 0, 1, 20, 0, 0, 0, 0, 0, 0, 21] + [UInt8](repeating: 0, count: 12)
        let extras = [UInt8](repeating: 0x31, count: 16) + [0, 0, 0, 0]
        try client.send(header + extras + [0x63])
        #expect(try client.receive(32).count == 32)
    }

    @Test func `a log that nobody reads holds up nobody, and tells later how much of it was left out`() throws {
        let folder = try TemporaryFolder()
        let pipe = try UnreadPipe()
        let program = try Program(
            Program.user + ["-vv", "-s", "\(folder.path)/socket", "-t", "2"], standardError: pipe.writing)

        for _ in 0..<4 {
            let client = try Program.connect(path: "\(folder.path)/socket")
            for _ in 0..<20 { #expect(try client.exchange("get nosuch\r\n", "END\r\n")) }
        }
        let log = pipe.read(until: " lines left out\n")
        program.signal(SIGTERM)

        #expect(log.contains("log: "), "\(log)")
        #expect(program.end().status == 0)
    }

    @Test func `a hang-up ends nothing`() throws {
        let folder = try TemporaryFolder()
        let program = try Program(Program.user + ["-s", "\(folder.path)/socket", "-t", "1"])
        let client = try Program.connect(path: "\(folder.path)/socket")
        #expect(try client.exchange("mn\r\n", "MN\r\n"))

        program.signal(SIGHUP)

        #expect(try client.exchange("mn\r\n", "MN\r\n"))
        program.signal(SIGTERM)
        #expect(program.end().status == 0)
    }
}

/// What a supervisor has of its own: a socket for notices, or one that it listens on for others.
private final class Supervisor {
    let descriptor: Int32

    init(path: String, listens: Bool = false) throws {
        let type = listens ? SOCK_STREAM : SOCK_DGRAM
        descriptor = socket(AF_UNIX, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0, !listens || listen(descriptor, 5) == 0 else { throw Program.Failure(what: "bind") }
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// The next notice; nil if none comes in a minute.
    func next() -> String? {
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }
}
