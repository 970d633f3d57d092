import Foundation
import Testing

/// What a document points to is there.
@Suite("Tidy: documents")
struct LinkTests {
    @Test("Every relative link and every file named in a document exists")
    func links() {
        let repository = Repository.shared
        let findings = repository.paths.filter { $0.hasSuffix(".md") }.flatMap { path in
            repository.text(path).map { missing(in: $0, path: path) } ?? []
        }

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("The rule finds what it is meant to find")
    func teeth() {
        let text = """
            A [link](nowhere.md), a [good one](Package.swift#targets), [the web](https://example.org/a.md).
            The file `Sources/Nowhere/Nothing.swift`, the folder `Sources/`, the name `Missing.swift`, `Package.swift`.
            """

        #expect(
            missing(in: text, path: "README.md").map(\.what)
                == ["nowhere.md", "Sources/Nowhere/Nothing.swift", "Missing.swift"])
    }

    private func missing(in text: String, path: String) -> [Finding] {
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap { index, line in
            let links = line.matches(of: /\]\(([^)\s]+)\)/).map { String($0.1) }.filter {
                !isPresent(link: $0, in: folder)
            }
            let names = line.matches(of: /`([^`\s]+)`/).map { String($0.1) }.filter { !isPresent(name: $0) }
            return (links + names).map { Finding(path: path, line: index + 1, what: $0) }
        }
    }

    private func isPresent(link: String, in folder: String) -> Bool {
        if link.contains("://") || link.hasPrefix("#") || link.hasPrefix("mailto:") { return true }
        let target = link.split(separator: "#").first.map(String.init) ?? link
        return Repository.shared.exists(folder.isEmpty ? target : folder + "/" + target)
    }

    /// Only what looks like a file of ours is looked for: a path below one of the repository's folders, or a Swift file
    /// or document by its bare name.
    private func isPresent(name: String) -> Bool {
        let repository = Repository.shared
        if name.contains(where: { "*<>{}$…".contains($0) }) { return true }
        let tops = ["Sources/", "Tests/", "Examples/", "docs/", "LoadTest/", "Docker/", ".ci/"]
        if tops.contains(where: name.hasPrefix) { return repository.exists(name) }
        guard !name.contains("/"), name.hasSuffix(".swift") || name.hasSuffix(".md") else { return true }
        return repository.paths.contains { $0 == name || $0.hasSuffix("/" + name) }
    }
}
