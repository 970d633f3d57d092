import Glibc
import MartletServer

/// What the process may have open, dump and keep in memory.
enum ProcessLimits {
    private static var openFiles: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }
    private static var coreSize: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_CORE.rawValue) }

    /// `-c`: makes room for that many connections and the server's own descriptors, if the system lets it; for that
    /// many descriptors in all, otherwise, but not fewer than the server's own. A limit that is higher already stays.
    static func raiseOpenFiles(connections: Int, besides: Int) throws(StartError) {
        var limit = rlimit()
        guard getrlimit(openFiles, &limit) == 0 else {
            throw StartError("failed to getrlimit number of files", status: ExitStatus.system)
        }
        for wanted in [connections + besides, max(connections, besides)] {
            if limit.rlim_cur >= wanted { return }
            var raised = rlimit(rlim_cur: rlim_t(wanted), rlim_max: max(limit.rlim_max, rlim_t(wanted)))
            if setrlimit(openFiles, &raised) == 0 { return }
        }
        throw StartError(
            "failed to set rlimit for open files. Try starting as root or requesting smaller maxconns value.",
            status: ExitStatus.system)
    }

    /// `-r`: as large as allowed; an error only when no core file at all could be written.
    static func raiseCoreSize() throws(StartError) {
        var limit = rlimit()
        guard getrlimit(coreSize, &limit) == 0 else {
            throw StartError("failed to ensure corefile creation", status: ExitStatus.system)
        }
        // RLIM_INFINITY; the macro does not come through.
        var raised = rlimit(rlim_cur: rlim_t.max, rlim_max: rlim_t.max)
        if setrlimit(coreSize, &raised) != 0 {
            raised = rlimit(rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max)
            _ = setrlimit(coreSize, &raised)
        }
        guard getrlimit(coreSize, &limit) == 0, limit.rlim_cur != 0 else {
            throw StartError("failed to ensure corefile creation", status: ExitStatus.system)
        }
    }

    /// Without `-r`: values, secrets and keys do not belong in a file on a disk, whatever limit was inherited. The hard
    /// limit stays, so that whoever runs the process may raise it again while it runs.
    static func forbidCores() {
        var limit = rlimit()
        guard getrlimit(coreSize, &limit) == 0, limit.rlim_cur > 0 else { return }
        limit.rlim_cur = 0
        _ = setrlimit(coreSize, &limit)
    }

    /// `-k`: keeps what is mapped by now from being swapped out, each page from its first use on. The cache's address
    /// range is larger than the memory it may use, so it must not be filled at once. Returns the reason of a failure.
    static func lockMemory() -> String? {
        let onFault: Int32 = 4
        return mlockall(Int32(MCL_CURRENT) | onFault) == 0 ? nil : String(cString: strerror(errno))
    }
}
