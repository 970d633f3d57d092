import Foundation
import LoadEngine

/// A server that we started on a free address, with its own log, kept to cores.
///
/// It can be stopped, killed, paused, resumed and started again at the same address: what a fault does to it. Whoever
/// made it stops it; forgotten, it stops when the last reference goes.
/// Threads: one thread at a time.
package final class StartedServer {
    package let address: ServerAddress
    private let words: CommandWords
    private let cores: CoreSet?
    private let folder: URL
    private var child: ChildProcess?
    /// How its last process ended, if that was not our doing.
    private var isExpected = true

    /// How long a server may take until it answers.
    package static let readySecondsMax = 20.0

    /// Starts it and waits until it answers. Throws when it ends before, with its last words.
    package init(_ template: ServerTemplate, options: CommandWords, cores: CoreSet?) throws(ComparisonError) {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-load-\(UUID().uuidString)")
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o777])
        } catch {
            throw .circumstances("\(folder.path) cannot be made: \(error.localizedDescription)")
        }
        Guardian.shared.watch(path: folder.path)
        let socket = folder.appendingPathComponent("s").path
        let isUnix = template.command.contains("socket")
        let port = isUnix ? 0 : try Loopback.freePort()
        address = ServerAddress(isUnix ? .path(socket) : .host("127.0.0.1", port: port))
        words = template.words(options: options, port: port, socket: socket)
        self.cores = cores
        try start()
    }

    deinit {
        child?.stop()
        try? FileManager.default.removeItem(at: folder)
        Guardian.shared.forget(path: folder.path)
    }

    /// nil while none runs.
    package var number: Int32? { child.flatMap { $0.isRunning ? $0.number : nil } }

    package var commandLine: String { words.text }

    // MARK: What is done to it

    /// Starts it, again if need be; returns when it answers.
    package func start() throws(ComparisonError) {
        guard child?.isRunning != true else { return }
        if case .path(let path) = address.place { unlink(path) }
        let child = try ChildProcess(words, cores: cores, output: .file(log.path))
        self.child = child
        isExpected = false
        let deadline = Clock.seconds() + Self.readySecondsMax
        while !Loopback.answers(address) {
            guard child.isRunning else { throw .circumstances("'\(words.text)' \(lastWords)") }
            guard Clock.seconds() < deadline else {
                throw .circumstances("'\(words.text)' does not answer within \(Int(Self.readySecondsMax)) s\(quoted)")
            }
            try StopSignal.wait(seconds: 0.005)
        }
    }

    package func stop() {
        isExpected = true
        child?.stop()
    }

    package func end() {
        isExpected = true
        child?.end()
    }

    /// A machine that hangs: the kernel still takes connections for it.
    package func pause() { child?.signal(SIGSTOP) }

    package func resume() { child?.signal(SIGCONT) }

    /// Throws when it has ended although nobody asked it to.
    package func check() throws(ComparisonError) {
        guard !isExpected, let child, !child.isRunning else { return }
        throw .circumstances("'\(words.text)' \(lastWords)")
    }

    // MARK: Its words

    private var log: URL { folder.appendingPathComponent("log") }

    private var lastWords: String { "\(child?.ending.map(\.description) ?? "is gone")\(quoted)" }

    /// The end of its log, if it said anything.
    private var quoted: String {
        guard let text = try? String(contentsOf: log, encoding: .utf8) else { return "" }
        let lines = text.split(whereSeparator: \.isNewline).suffix(5)
        return lines.isEmpty ? "" : ": " + lines.joined(separator: " / ")
    }
}
