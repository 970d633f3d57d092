import Glibc
import MartletServer
import ServerTesting

/// The built `martletd`, started as its users start it, and ended by its process id.
final class Program {
    struct Failure: Error { let what: String }

    /// What a program that has ended leaves behind.
    struct End {
        let status: Int32
        let output: String
        let errors: String
        let outputBytes: [UInt8]
    }

    /// Beside the test's own program; `nil` when it was not built.
    static let path: String? = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else { return nil }
        let own = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let slash = own.lastIndex(of: "/") else { return nil }
        let path = own[..<slash] + "/martletd"
        return access(String(path), X_OK) == 0 ? String(path) : nil
    }()

    static var isRoot: Bool { getuid() == 0 }

    /// `-u root` for root, who has to say whom it wants; nothing for others.
    static var user: [String] { isRoot ? ["-u", "root"] : [] }

    let process: pid_t
    /// Holds what the program prints. Files rather than pipes: a pipe ends only when every process that was started
    /// meanwhile has let go of it.
    private let folder: TemporaryFolder
    private var isOver = false

    /// `environment` is added to that of the tests. With `inherited`, a listening socket, the program gets it the way a
    /// supervisor hands it on: as descriptor 3, and with variables that say so. `input` is a file for its stdin,
    /// `standardError` a descriptor in place of the file that `errors` reads. It runs in `place`, and without
    /// `hasStreams` it has no standard streams at all.
    init(
        _ words: [String], environment: [String: String] = [:], inherited: Int32? = nil, input: String? = nil,
        standardError: Int32? = nil, in place: String? = nil, hasStreams: Bool = true
    ) throws {
        guard let path = Self.path else { throw Failure(what: "martletd is not built") }
        folder = try TemporaryFolder()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        let (flags, mode) = (O_WRONLY | O_CREAT | O_APPEND, mode_t(0o600))
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, folder.path + "/output", flags, mode)
        if let standardError {
            posix_spawn_file_actions_adddup2(&actions, standardError, STDERR_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, folder.path + "/errors", flags, mode)
        }
        if let input { posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input, O_RDONLY, 0) }
        if !hasStreams {
            for descriptor in STDIN_FILENO...STDERR_FILENO { posix_spawn_file_actions_addclose(&actions, descriptor) }
        }
        // Threads that run tests may block signals, and a child inherits that.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var command = [path]
        if let inherited {
            posix_spawn_file_actions_adddup2(&actions, inherited, 3)
            // The variable names the process, which only the process itself can know in time.
            command = ["/bin/sh", "-c", "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\"", path]
        } else if let place {
            command = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", place, path]
        }
        var arguments = (command + words).map { strdup($0) } + [nil]
        var own: [UnsafeMutablePointer<CChar>?] = []
        var variable = environ
        while let text = variable.pointee {
            own.append(strdup(text))
            variable += 1
        }
        var variables = own + environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        var process: pid_t = 0
        let status = posix_spawn(&process, command[0], &actions, &attributes, &arguments, &variables)
        for text in arguments + variables { free(text) }
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
        guard status == 0 else { throw Failure(what: "posix_spawn") }
        self.process = process
    }

    deinit {
        guard !isOver else { return }
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
    }

    /// Starts, and waits for the end.
    static func run(_ words: [String]) throws -> End { try Program(words).end() }

    func signal(_ number: Int32) { kill(process, number) }

    /// Whether it has not ended yet.
    var isRunning: Bool {
        var information = siginfo_t()
        return waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT) == 0
            && information._sifields._sigchld.si_pid == 0
    }

    /// What it has open under that number.
    func openFile(_ descriptor: Int32) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/\(process)/fd/\(descriptor)", &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// What limit it has, and with `changed` has no longer. nil if that cannot be known.
    @discardableResult
    func limit(_ resource: __rlimit_resource, to changed: rlimit? = nil) -> rlimit? {
        // Swift's Glibc leaves prlimit out, unless some other module of the same compilation happens to bring it.
        typealias Call =
            @convention(c) (pid_t, UInt32, UnsafeRawPointer?, UnsafeMutablePointer<rlimit>?) -> Int32
        guard let address = dlsym(nil, "prlimit") else { return nil }
        let prlimit = unsafeBitCast(address, to: Call.self)
        var found = rlimit()
        let result =
            if let changed {
                withUnsafePointer(to: changed) { prlimit(process, resource.rawValue, $0, &found) }
            } else {
                prlimit(process, resource.rawValue, nil, &found)
            }
        return result == 0 ? found : nil
    }

    /// The niceness of its threads, by their names.
    var threads: [String: Int] {
        guard let folder = opendir("/proc/\(process)/task") else { return [:] }
        defer { closedir(folder) }
        var found: [String: Int] = [:]
        while let entry = readdir(folder) {
            let thread = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            let text = SmallFile.text("/proc/\(process)/task/\(thread)/stat") ?? ""
            // number (name) state ..., of which the niceness is the 19th.
            guard let start = text.firstIndex(of: "("), let end = text.lastIndex(of: ")") else { continue }
            let words = text[end...].split(separator: " ")
            guard words.count > 17 else { continue }
            found[String(text[text.index(after: start)..<end])] = Int(words[17])
        }
        return found
    }

    /// What it has written to stderr so far.
    var errors: String { folder.text("errors") ?? "" }

    /// Waits until the process has ended; status -1 when a signal ended it.
    func end() -> End {
        var status: Int32 = 0
        waitpid(process, &status, 0)
        isOver = true
        return End(
            status: status & 0x7f == 0 ? status >> 8 & 0xff : -1, output: folder.text("output") ?? "",
            errors: folder.text("errors") ?? "", outputBytes: folder.bytes("output") ?? [])
    }

    /// A client of a server that has just been started. Its socket's file is there a moment before anybody listens.
    static func connect(path: String) throws -> TestClient {
        var client: TestClient?
        _ = eventually {
            client = try? TestClient(path: path)
            return client != nil
        }
        return try client ?? TestClient(path: path)
    }

    /// Asks `condition` until it is true, a minute at most. For what another process does and nobody tells of.
    static func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<6000 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }
}

/// A folder that goes away with its files.
final class TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/martlet-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Program.Failure(what: "mkdtemp") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit {
        if let folder = opendir(path) {
            while let item = readdir(folder) {
                let name = withUnsafeBytes(of: &item.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                unlink("\(path)/\(name)")
            }
            closedir(folder)
        }
        rmdir(path)
    }

    func exists(_ name: String) -> Bool { access("\(path)/\(name)", F_OK) == 0 }

    func text(_ name: String) -> String? { bytes(name).map { String(decoding: $0, as: UTF8.self) } }

    func bytes(_ name: String) -> [UInt8]? {
        guard let file = fopen("\(path)/\(name)", "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }
}
