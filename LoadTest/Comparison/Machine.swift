import Foundation
import Glibc

/// Where something was measured.
package struct Machine: Sendable {
    package let processor: String
    package let coreCount: Int
    package let memoryBytes: UInt64
    /// The system's name and its kernel's version.
    package let system: String

    package static var current: Machine {
        let processor = field("model name", in: "/proc/cpuinfo", separator: ":")
        let memory = field("MemTotal", in: "/proc/meminfo", separator: ":")?.split(separator: " ").first
        let name = field("PRETTY_NAME", in: "/etc/os-release", separator: "=")?.filter { $0 != "\"" }
        var kernel = utsname()
        uname(&kernel)
        let release = withUnsafeBytes(of: &kernel.release) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        return Machine(
            processor: processor ?? "unknown processor", coreCount: CoreSet.allowed.cores.count,
            memoryBytes: (memory.flatMap { UInt64($0) } ?? 0) * 1024,
            system: "\(name ?? "unknown system"), Linux \(release)")
    }

    /// What stands behind the first line that begins with `name`.
    private static func field(_ name: String, in path: String, separator: Character) -> String? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            guard let place = line.firstIndex(of: separator) else { continue }
            return line[line.index(after: place)...].trimmingCharacters(in: .whitespaces)
        }
        return nil
    }
}
