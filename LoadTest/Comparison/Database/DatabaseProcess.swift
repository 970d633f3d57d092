import Dispatch
import Glibc
import LoadEngine
import Synchronization

/// A program that the scenario has started, and ends: in a process group of its own, so that Ctrl-C is for the scenario
/// alone, with no signal blocked and with its output in a file.
///
/// The thread that starts it waits for its end. Where `setpriv` is installed, the kernel ends the program when that thread
/// goes: not even a scenario that is killed leaves it running.
final class DatabaseProcess: Sendable {
    private enum State {
        case starting
        case running(pid_t)
        /// What `waitpid` gave.
        case ended(Int32)
        /// The system's reason.
        case refused(Int32)
    }

    private let state = Mutex(State.starting)
    private let started = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - words: the program's path and its arguments.
    ///   - user: whom to become; nil to stay who we are.
    ///   - folder: where it runs.
    ///   - output: the file that gets what it prints.
    init(_ words: [String], user: UnprivilegedUser?, folder: String, output: String) throws(LoadError) {
        let command = try Self.command(words, user: user, folder: folder)
        let isStarted = ClientThread.start { [self] in
            let status = spawn(command, output: output)
            started.signal()
            if let process = status { awaitEnd(of: process) }
            ended.signal()
        }
        guard isStarted else { throw .circumstances("The system gives no thread to start \(words[0]).") }
        started.wait()
        if case .refused(let reason) = state.withLock(\.self) {
            throw .circumstances("\(command[0]) cannot be started: \(String(cString: strerror(reason))).")
        }
    }

    /// The exit status, or 128 and the number of the signal that ended it; nil while it runs.
    var exitStatus: Int32? {
        guard case .ended(let status) = state.withLock(\.self) else { return nil }
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }

    /// The process id while it runs.
    var process: pid_t? {
        guard case .running(let process) = state.withLock(\.self) else { return nil }
        return process
    }

    /// Sends a signal, unless it has ended.
    func signal(_ number: Int32) {
        // Under the lock: nobody takes the id back meanwhile.
        state.withLock { if case .running(let process) = $0 { kill(process, number) } }
    }

    /// Waits for the end; false when it has not come within `seconds`.
    func wait(seconds: Double) -> Bool {
        guard ended.wait(timeout: .now() + seconds) == .success else { return false }
        ended.signal()
        return true
    }

    /// Waits for the end, `seconds` at most, and kills it if that is asked for or the time is over. Throws then.
    func wait(seconds: Double, _ endRequest: EndRequest) throws(LoadError) {
        let deadline = MonotonicTime.now() + UInt64(seconds * 1e9)
        while exitStatus == nil {
            do throws(LoadError) {
                try endRequest.sleep(nanoseconds: 10_000_000)
                guard MonotonicTime.now() < deadline else { throw .circumstances("It took longer than \(seconds) s.") }
            } catch {
                stop([(SIGKILL, 5)])
                throw error
            }
        }
    }

    /// Sends each signal in turn and waits for so many seconds, until it has ended.
    func stop(_ steps: [(signal: Int32, seconds: Double)]) {
        for step in steps {
            signal(step.signal)
            if wait(seconds: step.seconds) { return }
        }
    }

    // MARK: Starting

    private static let setprivPaths = ["/usr/bin/setpriv", "/bin/setpriv"]

    /// The words that make the program run in `folder`, as `user`, and not longer than we.
    private static func command(
        _ words: [String], user: UnprivilegedUser?, folder: String
    ) throws(LoadError) -> [String] {
        var command = ["/usr/bin/env", "-C", folder]
        guard let setpriv = setprivPaths.first(where: { access($0, X_OK) == 0 }) else {
            guard let user else { return command + words }
            throw .circumstances(
                "\(words[0]) is not to be run by root, and setpriv, to become \(user.name), is missing.")
        }
        command += [setpriv, "--pdeathsig", "INT"]
        if let user { command += ["--reuid", "\(user.id)", "--regid", "\(user.group)", "--clear-groups"] }
        return command + ["--"] + words
    }

    /// What the program gets to know of the environment: nothing that could lead it to another database.
    private static let environmentNames = ["PATH", "TMPDIR", "TZ", "LD_LIBRARY_PATH"]

    private func spawn(_ command: [String], output: String) -> pid_t? {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var usual = sigset_t()
        sigemptyset(&usual)
        sigaddset(&usual, SIGPIPE)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &usual)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        var environment = Self.environmentNames.compactMap { name in
            getenv(name).map { strdup("\(name)=\(String(cString: $0))") }
        }
        environment += [strdup("LC_ALL=C"), nil]
        var arguments = command.map { strdup($0) } + [nil]
        defer { for text in environment + arguments { free(text) } }
        var process: pid_t = 0
        let status = posix_spawn(&process, command[0], &actions, &attributes, &arguments, &environment)
        let isStarted = status == 0
        state.withLock { $0 = isStarted ? .running(process) : .refused(status) }
        return isStarted ? process : nil
    }

    private func awaitEnd(of process: pid_t) {
        var information = siginfo_t()
        // Leaves the id taken, so that a signal sent meanwhile goes to nobody else.
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        state.withLock { state in
            var status: Int32 = 0
            waitpid(process, &status, 0)
            state = .ended(status)
        }
    }
}
