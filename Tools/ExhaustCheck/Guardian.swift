import Foundation

/// Ends a server, and removes its folder, when this program cannot do it any more: interrupted, killed, or crashed.
///
/// A shell waits at the other end of a pipe whose near end nobody else has. It is told the server's process group, and
/// later that all is over; when the pipe ends before, it ends the group. (A signal on the parent's death would not reach
/// a server behind `strace`.)
final class Guardian {
    private let shell = Process()
    private let pipe = Pipe()

    private static let script = """
        trap '' HUP INT TERM
        read -r group || exit 0
        read -r over && exit 0
        kill -s KILL -- "-$group"
        rm -rf -- "$0"
        """

    init(folder: String) throws {
        // `Process` hands on nothing that it is not told to; `system` does.
        _ = fcntl(pipe.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        shell.executableURL = URL(filePath: "/bin/sh")
        shell.arguments = ["-c", Self.script, folder]
        shell.standardInput = pipe
        shell.standardOutput = FileHandle.nullDevice
        shell.standardError = FileHandle.nullDevice
        try shell.run()
    }

    /// What `Process` starts leads a group of its own.
    func watch(_ child: Process) { tell("\(child.processIdentifier)") }

    /// Once the server has ended.
    func leave() {
        tell("over")
        try? pipe.fileHandleForWriting.close()
    }

    private func tell(_ line: String) { try? pipe.fileHandleForWriting.write(contentsOf: Data("\(line)\n".utf8)) }
}
