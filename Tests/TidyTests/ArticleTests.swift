import Foundation
import Testing

/// The code in the modules' articles is code of a test, so that it compiles: each of its lines, but for remarks, stands
/// in one, however that is laid out.
@Suite("Tidy: articles")
struct ArticleTests {
    @Test("Every line of code in an article stands in a test")
    func code() {
        let repository = Repository.shared
        let tests = repository.swiftFiles(in: "Tests").map { squeezed(repository.text($0.path) ?? "") }.joined()
        let findings = repository.paths.filter { $0.contains(".docc/") && $0.hasSuffix(".md") }.flatMap { path in
            missing(in: repository.text(path) ?? "", path: path, tests: tests)
        }

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("The rule finds what it is meant to find")
    func teeth() {
        let text = "# A\n\n```swift\n// Why.\nlet a = f(1,\n    2)\nlet b = 3  // Because.\n```\n\n```sh\nls\n```\n"

        #expect(missing(in: text, path: "A.md", tests: squeezed("let a = f(\n    1, 2)")).map(\.line) == [7])
    }

    private func missing(in text: String, path: String, tests: String) -> [Finding] {
        var findings: [Finding] = []
        var isCode = false
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.hasPrefix("```") {
                isCode = line == "```swift"
            } else if isCode {
                let code = squeezed(String(line.prefix(upTo: line.firstRange(of: "//")?.lowerBound ?? line.endIndex)))
                if !code.isEmpty, !tests.contains(code) {
                    findings.append(Finding(path: path, line: index + 1, what: String(line)))
                }
            }
        }
        return findings
    }

    private func squeezed(_ text: String) -> String { text.filter { !$0.isWhitespace } }
}
