import Glibc

/// A server among the processes that this one sees, for `--healthcheck` without other options.
///
/// 1. Process 1, as in a container.
/// 2. That may be something else: the init of a container (`docker run --init`), a shell, the pause of a pod whose
///    containers share their processes. Then it is the one server there is; of several the one in this process's own
///    container, which is whose files are the same (its mount namespace).
/// 3. If that does not say which, none is: whoever asks has to say so by options.
/// 4. The variables of a process of another user cannot be read; what this process has itself stands in for them, and
///    in a container both have the same.
package struct RunningServer {
    package let identifier: Int
    /// The command line without the program's name.
    package let words: [String]
    package let environment: [String: String]

    /// `folder` is where processes are told, `own` this process as it is named there.
    package static func find(in folder: String = "/proc", own: String = "self") -> RunningServer? {
        if let first = RunningServer(folder, 1) { return first }
        let others = identifiers(in: folder).compactMap { RunningServer(folder, $0) }
        if others.count <= 1 { return others.first }
        guard let files = fileSpace("\(folder)/\(own)") else { return nil }
        let near = others.filter { fileSpace("\(folder)/\($0.identifier)") == files }
        return near.count == 1 ? near[0] : nil
    }

    /// nil if the process is no server, or gone.
    private init?(_ folder: String, _ identifier: Int) {
        let words = Self.strings("\(folder)/\(identifier)/cmdline")
        guard let program = words.first?.split(separator: "/").last, program == "martletd",
            // Those who ask, as this one does.
            !words.contains("--healthcheck")
        else { return nil }
        self.identifier = identifier
        self.words = Array(words.dropFirst())
        var environment: [String: String] = [:]
        for pair in Self.strings("\(folder)/\(identifier)/environ") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { environment[String(parts[0])] = String(parts[1]) }
        }
        self.environment = environment
    }

    /// The strings of a file that end with a zero each; an empty one is a word like any other.
    private static func strings(_ path: String) -> [String] {
        guard let text = SmallFile.text(path), !text.isEmpty else { return [] }
        return (text.hasSuffix("\0") ? text.dropLast() : text[...])
            .split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
    }

    private static func identifiers(in folder: String) -> [Int] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var identifiers: [Int] = []
        while let next = readdir(stream) {
            let name = withUnsafeBytes(of: next.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let identifier = Int(name), identifier > 0 { identifiers.append(identifier) }
        }
        return identifiers.sorted()
    }

    /// What the link says that stands for the files a process sees; nil if that may not be known.
    private static func fileSpace(_ process: String) -> String? {
        var room = [CChar](repeating: 0, count: 256)
        let count = readlink("\(process)/ns/mnt", &room, room.count)
        return count > 0 ? String(decoding: room.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}
