import Glibc
import MartletServer
import ServerTesting
import Testing

/// What the program is started with, and what it makes of that before it serves.
@Suite(.enabled(if: Program.path != nil, "martletd is not built"))
struct StartTests {
    @Test func `without standard streams the log is written into no file of the server's`() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/socket"
        let program = try Program(
            Program.user + ["-vv", "-s", path, "-t", "1", "-e", "\(folder.path)/cache"], hasStreams: false)
        let client = try Program.connect(path: path)
        #expect(try client.exchange("mn\r\n", "MN\r\n"))

        for descriptor in STDIN_FILENO...STDERR_FILENO { #expect(program.openFile(descriptor) == "/dev/null") }
    }

    /// The runtime's own handler would write what registers point to, and let the server go on.
    @Test(
        .enabled(if: getenv("SWIFT_BACKTRACE") == nil, "reports of crashes are asked for"),
        arguments: [SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP])
    func `a crash's signal ends the server at once and writes nothing`(_ number: Int32) throws {
        let folder = try TemporaryFolder()
        let program = try Program(Program.user + ["-s", "\(folder.path)/socket", "-t", "1"])
        let client = try Program.connect(path: "\(folder.path)/socket")
        #expect(try client.exchange("mn\r\n", "MN\r\n"))

        program.signal(number)

        try #require(Program.eventually { !program.isRunning })
        let end = program.end()
        #expect(end.status == -1)
        #expect(end.errors.isEmpty)
    }

    @Test func `the background finds the files of the folder it was started in`() throws {
        let folder = try TemporaryFolder()
        let nodes = try TemporaryFile("a|10.0.0.1|11211\n")
        symlink(nodes.path, "\(folder.path)/nodes")
        let started = try Program(
            Program.user + ["-d", "-s", "socket", "-P", "pid", "--cluster-file", "nodes", "-t", "1"], in: folder.path)

        #expect(started.end().status == 0)
        #expect(Program.eventually { folder.exists("pid") })
        let process = try #require(folder.text("pid").flatMap { pid_t($0.dropLast()) })
        let client = try Program.connect(path: "\(folder.path)/socket")
        #expect(try client.exchange("mn\r\n", "MN\r\n"))

        kill(process, SIGTERM)
        #expect(Program.eventually { !folder.exists("pid") })
    }

    @Test(
        arguments: [["-Y"], ["--cluster-file"], ["--admin", "-1", "--admin-token-file"], ["-Z", "-o"]])
    func `before it goes to the background it says what is wrong with a file`(_ words: [String]) throws {
        let bad = try TemporaryFile("")
        let file = words.last == "-o" ? "ssl_chain_cert=\(bad.path)" : bad.path

        let end = try Program.run(Program.user + ["-d", "-p", "-1", "-t", "1"] + words + [file])

        #expect(end.status == 1 || end.status == 64)
        #expect(!TLSLibrary.isThere || end.errors.contains(bad.path))
        #expect(end.errors.split(separator: "\n").count == 1)
    }
}
