import Glibc
import LoadEngine
import Synchronization

/// Ends what we started, and removes what we laid down, when we can no longer do it ourselves: killed, or crashed.
///
/// A shell waits at the other end of a pair of sockets whose near end only we hold. It is told what begins (`+`) and
/// what is over (`-`); when the near end is gone, it ends the process groups and removes the folders that are left. (A
/// signal on the parent's death would be simpler, but the kernel forgets it when a server becomes another user.)
/// Threads: any.
final class Guardian: Sendable {
    static let shared = Guardian()

    private struct State {
        /// -1: not begun, or it could not be begun. Then nobody guards.
        var descriptor: Int32 = -1
        var isBegun = false
    }

    private let state = Mutex(State())

    private init() {}

    func watch(group: pid_t) { tell("+g\(group)") }
    func forget(group: pid_t) { tell("-g\(group)") }
    func watch(path: String) { tell("+f\(path)") }
    func forget(path: String) { tell("-f\(path)") }

    private func tell(_ line: String) {
        // A line is a message.
        guard !line.utf8.contains(10) else { return }
        state.withLock { state in
            if !state.isBegun {
                state.isBegun = true
                state.descriptor = Self.begin()
            }
            let bytes = Array((line + "\n").utf8)
            if state.descriptor >= 0 {
                _ = send(state.descriptor, bytes, bytes.count, SocketConnector.noSignal)
            }
        }
    }

    /// Keeps a list of lines; what it does with them in the end it does twice, for what was being written meanwhile.
    private static let script = """
        trap '' HUP INT TERM
        IFS=
        n='
        '
        kept=
        while read -r line; do
            case $line in
            +*) kept="$kept${line#+}$n" ;;
            -*) rest=$kept kept=
                while [ "$rest" ]; do
                    one=${rest%%"$n"*} rest=${rest#*"$n"}
                    [ "$one" = "${line#-}" ] || kept="$kept$one$n"
                done ;;
            esac
        done
        [ "$kept" ] || exit 0
        for pause in 1 0; do
            rest=$kept
            while [ "$rest" ]; do
                one=${rest%%"$n"*} rest=${rest#*"$n"}
                case $one in
                g*) [ $pause = 0 ] || kill -s KILL -- "-${one#g}" ;;
                f*) rm -rf -- "${one#f}" ;;
                esac
            done
            sleep $pause
        done
        """

    /// The near end; -1 when there is no shell to be had.
    private static func begin() -> Int32 {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { return -1 }
        defer { close(ends[1]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 0)
        for output: Int32 in [1, 2] { posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own: no terminal's Ctrl-C reaches it.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        let words: [String] = ["sh", "-c", script]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var number: pid_t = 0
        guard posix_spawn(&number, "/bin/sh", &actions, &attributes, arguments, environ) == 0 else {
            close(ends[0])
            return -1
        }
        return ends[0]
    }
}
