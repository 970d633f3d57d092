import Glibc

/// Files that are read whole: those of the kernel, and secrets in files.
package enum SmallFile {
    package static let bytesMax = 64 << 10

    /// nil if it cannot be read, with the reason in `errno`. Of a longer file more than `bytesMax` bytes, not all.
    static func bytes(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while bytes.count <= bytesMax {
            var count = 0
            let some = [UInt8](unsafeUninitializedCapacity: 4096) { room, initialized in
                count = read(descriptor, room.baseAddress, room.count)
                initialized = max(count, 0)
            }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes += some
        }
        return bytes
    }

    /// nil if it cannot be read, with the reason in `errno`. Longer files are cut.
    package static func text(_ path: String) -> String? {
        bytes(path).map { String(decoding: $0.prefix(bytesMax), as: UTF8.self) }
    }

    /// Says so if every user of this machine may read a secret. `option` is the one that names the file.
    static func remarkOnRights(_ path: String, option: String) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o004 != 0 else { return }
        ServerLog.write("martletd: remark: \(option): \(path): every user of this machine may read it")
    }
}
