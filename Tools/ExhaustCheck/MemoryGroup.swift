import Glibc

/// A control group of our own with a bound on memory, of either version; only root can make one.
struct MemoryGroup {
    private let folder: String

    /// nil where none can be made.
    init?(megabytes: Int) {
        let name = "martlet-exhaust-\(getpid())"
        for (root, file) in [("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")] {
            let folder = "\(root)/\(name)"
            guard mkdir(folder, 0o755) == 0 else { continue }
            // Elsewhere a folder is just a folder.
            let isGroup = access("\(folder)/cgroup.procs", W_OK) == 0
            if isGroup, system("echo \(megabytes << 20) >\(folder)/\(file) 2>/dev/null") == 0 {
                self.folder = folder
                return
            }
            rmdir(folder)
        }
        return nil
    }

    /// What a shell does to be in it.
    var prefix: String { "echo $$ >\(folder)/cgroup.procs;" }

    /// Once nothing runs in it.
    func remove() { rmdir(folder) }
}
