import Glibc

/// How many sockets and files the process, and what it starts, may have open.
enum OpenFiles {
    private static var resource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }

    /// As many as the system lets us: shells usually begin with 1024, too few for a thousand connections.
    static func raiseLimit() {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(resource, &limit)
    }
}
