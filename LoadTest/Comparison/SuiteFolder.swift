import Foundation

/// Where suites lie: `LoadTest/Scenarios` of the repository this program was built in, or a folder that is named.
package struct SuiteFolder: Sendable {
    package let path: String

    package static let suffix = ".suite"

    package init(path: String) { self.path = path }

    /// The repository's, looked for from the working directory and from the program upwards.
    package static func found() throws(ComparisonError) -> SuiteFolder {
        let files = FileManager.default
        let program = (try? files.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        for start in [files.currentDirectoryPath, program] {
            var folder = URL(fileURLWithPath: start)
            while folder.path != "/" {
                let candidate = folder.appendingPathComponent("LoadTest/Scenarios").path
                if files.fileExists(atPath: candidate) { return SuiteFolder(path: candidate) }
                folder.deleteLastPathComponent()
            }
        }
        throw .usage("no folder LoadTest/Scenarios here or above; name one with --scenarios")
    }

    /// The order in which people read the usual suites: what they ask first comes first.
    private static let usual = [
        "throughput", "latency", "hit-ratio", "density", "growth", "connections", "consistency", "faults",
    ]

    /// Names of the suites in it: the usual ones in their order, then the others, sorted.
    package var names: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let names = files.filter { $0.hasSuffix(Self.suffix) }.map { String($0.dropLast(Self.suffix.count)) }
        return Self.usual.filter(names.contains) + names.filter { !Self.usual.contains($0) }.sorted()
    }

    /// Whether a word names a suite's file, and not a suite of a folder.
    package static func isPath(_ word: String) -> Bool { word.contains("/") || word.hasSuffix(suffix) }

    /// The suite in a file, wherever it lies.
    package static func suite(at file: String) throws(ComparisonError) -> Suite {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw .usage("\(file) cannot be read")
        }
        return try SuiteFile.read(text, path: file)
    }

    /// A suite by its name, or by the path of its file.
    package func suite(_ name: String) throws(ComparisonError) -> Suite {
        if Self.isPath(name) { return try Self.suite(at: name) }
        guard names.contains(name) else {
            throw .usage("there is no suite '\(name)'; there are \(names.joined(separator: ", "))")
        }
        return try Self.suite(at: "\(path)/\(name)\(Self.suffix)")
    }
}
