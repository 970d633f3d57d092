import Glibc

/// A server's process on this machine: its CPU time, and its memory from /proc.
struct ServerProcess: Sendable {
    let identifier: Int32

    /// nil when there is no such process, or its figures may not be read.
    init?(_ identifier: Int32) {
        self.identifier = identifier
        guard identifier > 0, cpuNanoseconds != nil else { return nil }
    }

    /// CPU time of all its threads so far, those that have ended included.
    var cpuNanoseconds: UInt64? {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(identifier, &clock) == 0, clock_gettime(clock, &time) == 0 else { return nil }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Its time in user space and in the kernel, in hundredths of a second: for shares, not for small times.
    var cpuTicks: CPUTicks? {
        // The name, in brackets, may hold anything; the words behind it are numbers, the twelfth and thirteenth wanted.
        guard let words = Self.text("/proc/\(identifier)/stat")?.split(separator: ")").last?.split(separator: " "),
            words.count > 12, let user = Int(words[11]), let kernel = Int(words[12])
        else { return nil }
        return CPUTicks(user: user, kernel: kernel)
    }

    /// Resident memory now and at its peak.
    var residentBytes: (now: UInt64, peak: UInt64)? {
        guard let text = Self.text("/proc/\(identifier)/status") else { return nil }
        func bytes(_ name: String) -> UInt64? {
            guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name + ":") }) else { return nil }
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            return words.count > 1 ? UInt64(words[1]).map { $0 * 1024 } : nil
        }
        guard let now = bytes("VmRSS"), let peak = bytes("VmHWM") else { return nil }
        return (now, peak)
    }

    private static func text(_ path: String) -> String? {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}

/// CPU time as the kernel keeps it for `ps`.
package struct CPUTicks: BitwiseCopyable, Sendable {
    let user: Int
    let kernel: Int
}
