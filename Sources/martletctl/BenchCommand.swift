import ArgumentParser

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// `martletctl bench`: the load driver, found beside this program or in the path.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Loads servers: hands over to martlet-load.",
        discussion: "Everything behind it is martlet-load's; see martletctl bench --help."
    )

    @Argument(parsing: .captureForPassthrough, help: "martlet-load's options.")
    var words: [String] = []

    func run() throws {
        let name = "martlet-load"
        var candidates = [name]
        if let own = Self.ownPath, let slash = own.lastIndex(of: "/") {
            candidates.insert(own[..<slash] + "/\(name)", at: 0)
        }
        for candidate in candidates {
            var arguments = ([name] + words).map { strdup($0) } + [nil]
            // Returns only if there is no such program.
            execvp(candidate, &arguments)
            for argument in arguments { free(argument) }
        }
        throw CacheFailure(
            "there is no martlet-load beside martletctl or in the path: \(String(cString: strerror(errno)))")
    }

    private static var ownPath: String? {
        #if os(Linux)
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
        #else
        return CommandLine.arguments.first
        #endif
    }
}
