import Foundation

/// A program in a process of its own, ended by its process number when it is no longer needed.
final class ChildProcess {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    /// `program` is a path, or a name to be looked for.
    init(_ program: String, _ arguments: [String], readsOutput: Bool = false) throws {
        guard let path = Self.path(of: program) else { throw Finding("\(program) is not installed") }
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = readsOutput ? output : FileHandle.nullDevice
        if !readsOutput { process.standardError = FileHandle.nullDevice }
        try process.run()
    }

    deinit { kill() }

    /// Where a program is; nil if nowhere.
    static func path(of program: String) -> String? {
        if program.contains("/") { return FileManager.default.isExecutableFile(atPath: program) ? program : nil }
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (folders + ["/usr/sbin", "/usr/local/sbin"]).map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    var isRunning: Bool { process.isRunning }

    func pause() { _ = process.suspend() }
    func resume() { _ = process.resume() }

    /// Ends it without a farewell, and waits for that.
    func kill() {
        guard process.isRunning else { return }
        _ = Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    func write(_ text: String) { try? input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }

    /// What it has written since, at least something; empty at the end.
    func read() -> String { String(decoding: output.fileHandleForReading.availableData, as: UTF8.self) }

    /// All it writes until it ends, and whether it ended well.
    func finish() -> (output: String, isGood: Bool) {
        try? input.fileHandleForWriting.close()
        let text = String(decoding: (try? output.fileHandleForReading.readToEnd()) ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        return (text, process.terminationReason == .exit && process.terminationStatus == 0)
    }

    /// Runs a program to its end. Throws if that is no good one.
    static func run(_ program: String, _ arguments: [String]) throws -> String {
        let (text, isGood) = try ChildProcess(program, arguments, readsOutput: true).finish()
        guard isGood else { throw Finding("\(program) \(arguments.joined(separator: " ")) failed: \(text)") }
        return text
    }
}

/// Processor time of this process, or of those it has waited for.
struct ProcessorTime {
    static func own() -> Duration { used(RUSAGE_SELF.rawValue) }
    static func children() -> Duration { used(RUSAGE_CHILDREN.rawValue) }

    private static func used(_ who: __rusage_who_t) -> Duration {
        var usage = rusage()
        getrusage(who, &usage)
        return .seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + .microseconds(Int64(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec))
    }
}
