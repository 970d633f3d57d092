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
}
