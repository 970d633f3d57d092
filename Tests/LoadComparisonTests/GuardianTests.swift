import Foundation
import LoadEngine
import Testing

/// A comparison that is killed leaves nothing behind, and so does one whose results nobody reads. Looks at the built
/// programs from outside.
@Suite("A comparison that does not come to its end")
struct GuardianTests {
    /// Beside the test's own program; nil when it was not built.
    private static func program(_ name: String) -> String? {
        guard let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return nil }
        let path = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }

    @Test(
        "leaves no server, no driver and no folder when it is killed",
        .enabled(if: program("martlet-load") != nil && program("martletd") != nil))
    func killed() throws {
        let folder = try Scratch()
        let server = try #require(Self.program("martletd"))
        let user = getuid() == 0 ? " -u nobody" : ""
        try "title t\nrun -d 120 --interval 100ms --timeout 60\nshow rate\n[a]\n".write(
            toFile: folder["a.suite"], atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.program("martlet-load")))
        process.arguments = ["compare", "-q", "--a", "\(server) -s {socket}\(user)", folder["a.suite"]]
        let place = Self.place()
        process.environment = ProcessInfo.processInfo.environment.merging(["TMPDIR": place]) { $1 }
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: place) }
        // Others need to get through to the socket.
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: place)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        var numbers: [pid_t] = []
        defer {
            for number in numbers where !Scratch.isGone(number) { kill(number, SIGKILL) }
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
        let isUp = Scratch.eventually {
            numbers = Self.children(of: process.processIdentifier)
            // The guardian, the server and the driver.
            return numbers.count == 3
        }
        #expect(isUp)

        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()

        #expect(Scratch.eventually { numbers.allSatisfy(Scratch.isGone) }, "\(numbers)")
        #expect(
            Scratch.eventually { (try? FileManager.default.contentsOfDirectory(atPath: place))?.isEmpty == true })
    }

    @Test(
        "leaves no server and no folder when its results go into a closed pipe, and ends with 2",
        .enabled(if: program("martlet-load") != nil && program("martletd") != nil))
    func unread() throws {
        let folder = try Scratch()
        let server = try #require(Self.program("martletd"))
        let user = getuid() == 0 ? " -u nobody" : ""
        try "title t\nrun -n 100 -c 2 --timeout 60 --connect-timeout 60\nshow rate\n[a]\n".write(
            toFile: folder["a.suite"], atomically: true, encoding: .utf8)
        let command = "sh -c 'echo $$ >\(folder["number"]); exec \(server) -s {socket}\(user)'"
        let place = Self.place()
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: place) }
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: place)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.program("martlet-load")))
        process.arguments = ["compare", "-q", "--a", command, folder["a.suite"]]
        process.environment = ProcessInfo.processInfo.environment.merging(["TMPDIR": place]) { $1 }
        let errors = Pipe()
        process.standardOutput = try Self.closedPipe()
        process.standardError = errors

        try process.run()
        let isOver = Scratch.eventually { !process.isRunning }
        if !isOver { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        let number = try #require(folder.number("number"))
        defer { if !Scratch.isGone(number) { kill(number, SIGKILL) } }

        #expect(isOver)
        let said = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        #expect(process.terminationStatus == 2)
        #expect(said == "martlet-load: standard output cannot be written: Broken pipe\n")
        #expect(kill(number, 0) != 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place).isEmpty)
    }

    /// Nobody else's; with a short name, because a socket's path goes on from there.
    private static func place() -> String { "/tmp/\(getpid())-\(UInt32.random(in: 0 ... .max))" }

    /// A pipe could still have a reader: a process that another test starts just then.
    private static func closedPipe() throws -> FileHandle {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        shutdown(ends[0], Int32(SHUT_RDWR))
        close(ends[0])
        return FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
    }

    private static func children(of parent: pid_t) -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { number in
            guard let text = try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8),
                let rest = text.split(separator: ")").last
            else { return false }
            // Behind the name: the state and the parent.
            return rest.split(separator: " ").dropFirst().first == "\(parent)"
        }
    }
}
