import Foundation

/// The repository these tests stand in: its files, as paths from its root and as text.
///
/// The tidy tests check what no compiler does: lengths, imports, words, the unsafe fence, links. Each rule is a
/// function from text to findings, so that every suite can first show that its rule finds what it is meant to find.
struct Repository {
    static let shared = Repository()

    let root: URL
    /// All files but the build's and git's own, sorted.
    let paths: [String]
    /// The Swift files among them.
    private let swiftFiles: [SwiftFile]

    private init() {
        // Tests/TidyTests/Repository.swift: three steps up.
        root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        var paths: [String] = []
        let skipped: Set<String> = [".build", ".git", ".swiftpm", "node_modules", "__pycache__"]
        let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: [.isRegularFileKey])
        while let url = files?.nextObject() as? URL {
            if skipped.contains(url.lastPathComponent) {
                files?.skipDescendants()
                continue
            }
            guard (try? url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) == true else { continue }
            paths.append(String(url.standardizedFileURL.path.dropFirst(root.standardizedFileURL.path.count + 1)))
        }
        self.paths = paths.sorted()
        let root = root
        swiftFiles = self.paths.filter { $0.hasSuffix(".swift") }.compactMap { path in
            (try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8))
                .map { SwiftFile(path: path, text: $0) }
        }
    }

    /// The file's text, nil if it is not UTF-8 (a picture, a recorded stream).
    func text(_ path: String) -> String? {
        try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }

    /// The Swift files below one of `folders`.
    func swiftFiles(in folders: String...) -> [SwiftFile] {
        swiftFiles.filter { file in folders.contains { file.path.hasPrefix($0 + "/") } }
    }
}

/// Something a rule does not like.
struct Finding: CustomStringConvertible, Equatable {
    let path: String
    /// Counted from 1.
    let line: Int
    let what: String

    var description: String { "\(path):\(line): \(what)" }
}

/// What a test prints: one finding a line.
func listed(_ findings: [Finding]) -> String {
    findings.map(\.description).joined(separator: "\n")
}
