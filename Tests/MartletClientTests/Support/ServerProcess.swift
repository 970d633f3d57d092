import Glibc
import ServerTesting

/// The built `martletd` as a process of its own behind a Unix socket: what can be paused and killed.
final class ServerProcess {
    struct Failure: Error { let what: String }

    let path: String
    private var process: pid_t = 0

    init(path: String = TestServer.freshSocketPath()) throws {
        self.path = path
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let own = String(decoding: buffer[..<max(count, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let program = own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/martletd"
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Threads that run tests may block signals, and a child inherits that.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let words = [String(program), "-s", path, "-t", "1", "-m", "64"] + (getuid() == 0 ? ["-u", "root"] : [])
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        guard posix_spawn(&process, String(program), nil, &attributes, &arguments, environ) == 0 else {
            throw Failure(what: "martletd is not built")
        }
    }

    deinit { kill() }

    /// Returns when it stands still: the signal by itself takes its time.
    func pause() {
        _ = Glibc.kill(process, SIGSTOP)
        var status: Int32 = 0
        while waitpid(process, &status, WUNTRACED) < 0, errno == EINTR {}
    }

    func resume() { _ = Glibc.kill(process, SIGCONT) }

    /// Ends it without a farewell, and waits for that.
    func kill() {
        guard process != 0 else { return }
        _ = Glibc.kill(process, SIGKILL)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        process = 0
    }
}
