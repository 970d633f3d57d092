import Glibc

/// A process we started, and stop: by its number, whatever happens.
///
/// Goals: nothing we started outlives us (`Guardian`); why a process ended is told in its own words. It leads a process
/// group of its own, so that a Ctrl-C at the terminal reaches us alone and we stop it in order, together with whatever
/// it started.
/// Threads: one thread at a time.
package final class ChildProcess {
    package enum Ending: Equatable, Sendable, CustomStringConvertible {
        case exited(Int32)
        case killed(Int32)

        package var description: String {
            switch self {
            case .exited(let status): "ended with status \(status)"
            case .killed(let signal): "was ended by signal \(signal)"
            }
        }
    }

    package let number: pid_t
    /// nil while it runs.
    package private(set) var ending: Ending?

    /// How long a process may take to end when it is asked to.
    static let stopSecondsMax = 5.0

    /// Starts `words` on `cores`, with nothing to read; its output goes to `output`.
    package init(_ words: CommandWords, cores: CoreSet?, output: Output) throws(ComparisonError) {
        guard !words.words.isEmpty else { throw .usage("an empty command starts nothing") }
        if let cores {
            number = try cores.keeping { () throws(ComparisonError) in try Self.spawn(words.words, output: output) }
        } else {
            number = try Self.spawn(words.words, output: output)
        }
        Guardian.shared.watch(group: number)
    }

    deinit { stop() }

    /// Where a child's words go.
    package enum Output {
        /// Both streams into one file, from its beginning.
        case file(String)
        /// Standard output into a file or nowhere, standard error into a descriptor of ours.
        case errors(Int32)
    }

    private static func spawn(_ words: [String], output: Output) throws(ComparisonError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        switch output {
        case .file(let path):
            posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        case .errors(let descriptor):
            posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
            posix_spawn_file_actions_adddup2(&actions, descriptor, 2)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var number: pid_t = 0
        let status = posix_spawnp(&number, words[0], &actions, &attributes, arguments, environ)
        guard status == 0 else {
            throw .circumstances("'\(words[0])' cannot be started: \(String(cString: strerror(status)))")
        }
        return number
    }

    /// Whether it still runs; learns how it ended if not.
    package var isRunning: Bool {
        if ending == nil, hasEnded(WNOHANG) { reap() }
        return ending == nil
    }

    /// Waits for its end without a time limit of its own: for a process that has closed what it wrote to.
    package func waitForEnd() {
        guard ending == nil else { return }
        while !hasEnded(0) {}
        reap()
    }

    package func signal(_ signal: Int32) {
        if ending == nil { kill(number, signal) }
    }

    /// Asks it to end, insists after `stopSecondsMax`, and returns when it is gone. A paused one is woken for it.
    package func stop() {
        guard isRunning else { return }
        kill(number, SIGTERM)
        kill(number, SIGCONT)
        let deadline = Clock.seconds() + Self.stopSecondsMax
        while isRunning, Clock.seconds() < deadline { usleep(2000) }
        end()
    }

    /// Ends it at once, as a crash would.
    package func end() {
        guard isRunning else { return }
        kill(number, SIGKILL)
        waitForEnd()
    }

    /// Looks without taking the news away: its number stays its own until `reap`.
    private func hasEnded(_ waiting: Int32) -> Bool {
        var news = siginfo_t()
        return waitid(P_PID, id_t(number), &news, WEXITED | WNOWAIT | waiting) == 0 && news.si_signo == SIGCHLD
    }

    /// Ends what it left behind in its group, whose number is still nobody else's, and learns how it ended itself.
    private func reap() {
        kill(-number, SIGKILL)
        Guardian.shared.forget(group: number)
        var status: Int32 = 0
        while waitpid(number, &status, 0) < 0 {
            guard errno == EINTR else { break }
        }
        let signal = status & 0x7f
        ending = signal == 0 ? .exited((status >> 8) & 0xff) : .killed(signal)
    }
}
