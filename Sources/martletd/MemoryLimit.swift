import MartletServer

/// What the control group of the process may use: cgroup v2 or v1, as seen from within a container or a service.
enum MemoryLimit {
    /// nil without a limit.
    static var bytes: Int? {
        let groups = (SmallFile.text("/proc/self/cgroup") ?? "").split(separator: "\n")
        var limits: [Int] = []
        for line in groups {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[1].isEmpty { limits += read("/sys/fs/cgroup", parts[2], "memory.max") }
            if parts[1].split(separator: ",").contains("memory") {
                limits += read("/sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes")
            }
        }
        return limits.min()
    }

    /// The group's own file where it is seen, and that of the root, which in a container is the container's.
    private static func read(_ root: String, _ group: Substring, _ name: String) -> [Int] {
        [group == "/" ? "\(root)/\(name)" : "\(root)\(group)/\(name)", "\(root)/\(name)"].compactMap { path in
            let text = SmallFile.text(path)?.prefix { $0 != "\n" }
            // Without a limit v2 says "max", v1 a number near the largest.
            return text.flatMap { Int($0) }.flatMap { $0 < 1 << 50 ? $0 : nil }
        }
    }
}
