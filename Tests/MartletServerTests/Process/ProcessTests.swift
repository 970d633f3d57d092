import Glibc
import MartletServer
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
        #expect(nobody.errors == "must add '-u root' to start as root\n")
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
}
