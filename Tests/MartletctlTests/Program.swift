import Foundation
import ServerTesting

/// martletctl as people run it: a process with words, and what it prints.
struct Program {
    let status: Int32
    /// Ended by a signal: a trap.
    let hasCrashed: Bool
    let outputBytes: [UInt8]
    let errors: String

    var output: String { String(decoding: outputBytes, as: UTF8.self) }

    /// Runs it to its end; `meanwhile` happens while it runs. What it prints goes to `outputPath` if there is one, or
    /// into a pipe that has nobody at its other end. With a `script` a shell is run, for which `$0` is the program and the
    /// words are `$1` and so on.
    ///
    /// Servers are waited for longer than usual where the words do not say for how long: a thread of a busy machine may
    /// stand still for seconds.
    init(
        _ words: [String], script: String? = nil, input: String = "", outputPath: String? = nil,
        isUnread: Bool = false, meanwhile: () throws -> Void = {}
    ) throws {
        let process = Process()
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let program = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("martletctl")
        process.executableURL = script == nil ? program : URL(fileURLWithPath: "/bin/sh")
        process.arguments = script.map { ["-c", Self.patient($0), program.path] + words } ?? Self.patient(words)
        // Files rather than pipes: nobody has to read while the program writes.
        let folder = try TemporaryPlace()
        let files = ["in", "out", "err"].map { URL(fileURLWithPath: folder.path("\($0)")) }
        try Data(input.utf8).write(to: files[0])
        for file in files.dropFirst() { try Data().write(to: file) }
        process.standardInput = try FileHandle(forReadingFrom: files[0])
        let outputFile = outputPath.map { URL(fileURLWithPath: $0) } ?? files[1]
        process.standardOutput = try isUnread ? Self.unread() : FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: files[2])
        try process.run()
        try meanwhile()
        process.waitUntilExit()
        status = process.terminationStatus
        hasCrashed = process.terminationReason == .uncaughtSignal
        outputBytes = Array(try Data(contentsOf: files[1]))
        errors = String(decoding: try Data(contentsOf: files[2]), as: UTF8.self)
    }

    private static func patient(_ words: [String]) -> [String] {
        guard words.contains("-s"), !words.contains("--timeout") else { return words }
        return words.prefix(1) + ["--timeout", "60"] + words.dropFirst()
    }

    private static func patient(_ script: String) -> String {
        script.replacing(#" -s "$1""#, with: #" --timeout 60 -s "$1""#)
    }

    /// A pipe could still have a reader: a process that another test starts just then.
    private static func unread() throws -> FileHandle {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw CancellationError() }
        shutdown(ends[0], Int32(SHUT_RDWR))
        close(ends[0])
        return FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
    }

    init(_ words: String..., input: String = "") throws { try self.init(words, input: input) }
}

/// A folder that goes with whoever made it.
final class TemporaryPlace {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("martletctl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
}

extension TestServer {
    var address: String { "127.0.0.1:\(port)" }
}
