import Testing

@Suite("Tidy: lengths")
struct LengthTests {
    static let fileLinesMax = 500
    static let functionLinesMax = 70

    @Test("No Swift file is longer than 500 lines")
    func fileLengths() {
        let findings = Repository.shared.swiftFiles(in: "Sources", "Tests", "LoadTest").compactMap(tooLong)

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("No function in Sources is longer than 70 lines")
    func functionLengths() {
        let findings = Repository.shared.swiftFiles(in: "Sources", "LoadTest").flatMap(longFunctions)

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("No line of a command's help is longer than 80 columns, at which it would be broken")
    func helpLengths() {
        let findings = Repository.shared.swiftFiles(in: "LoadTest/Driver").flatMap(wideHelp)

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("The rules find what they are meant to find")
    func teeth() {
        let wide = "    discussion: \"\"\"\n        \(String(repeating: "a", count: 81))\n        b\n        \"\"\"\n"
        #expect(wideHelp(SwiftFile(path: "a.swift", text: wide)).map(\.line) == [2])

        let long = SwiftFile(path: "a.swift", text: String(repeating: "//\n", count: 501))
        let body = String(repeating: "        work()\n", count: 69)
        let function = SwiftFile(path: "a.swift", text: "struct A {\n    func f() {\n\(body)    }\n}\n")
        let shorter = SwiftFile(path: "a.swift", text: "struct A {\n    func f() {\n\(body.dropLast(15))    }\n}\n")

        #expect(tooLong(long) != nil)
        #expect(longFunctions(function) == [Finding(path: "a.swift", line: 2, what: "71 lines")])
        #expect(longFunctions(shorter).isEmpty)
    }

    /// Lines of a `discussion` beyond 80 columns behind its indentation.
    private func wideHelp(_ file: SwiftFile) -> [Finding] {
        var findings: [Finding] = []
        var indentation: Int?
        for (index, line) in file.lines.enumerated() {
            if line.contains("discussion: \"\"\"") {
                indentation = file.lines[index + 1].prefix { $0 == " " }.count
            } else if let start = indentation {
                if line.trimmingPrefix(while: { $0 == " " }).hasPrefix("\"\"\"") {
                    indentation = nil
                } else if line.replacing("\\\\", with: "\\").count - start > 80 {
                    findings.append(Finding(path: file.path, line: index + 1, what: "too wide"))
                }
            }
        }
        return findings
    }

    private func tooLong(_ file: SwiftFile) -> Finding? {
        // A file ends with a newline, behind which the split sees one more, empty line.
        let count = file.lines.count - (file.lines.last == "" ? 1 : 0)
        return count > Self.fileLinesMax ? Finding(path: file.path, line: count, what: "\(count) lines") : nil
    }

    /// A function reaches from its first line to the `}` at the same depth: the formatter sees to the indentation.
    private func longFunctions(_ file: SwiftFile) -> [Finding] {
        var findings: [Finding] = []
        for (index, line) in file.codeLines.enumerated() {
            let words = line.split(separator: " ")
            guard words.contains("func") || words.contains(where: { $0.hasPrefix("init(") || $0.hasPrefix("init?(") }),
                !line.hasSuffix("}")
            else { continue }
            let indentation = line.prefix { $0 == " " }
            let closing = indentation + "}"
            guard let end = file.codeLines[(index + 1)...].firstIndex(where: { $0.hasPrefix(closing) }) else {
                continue
            }
            // A requirement of a protocol has no body: something else starts at the same depth before the brace.
            let body = file.codeLines[(index + 1)..<end]
            if body.contains(where: {
                !$0.isEmpty && !$0.hasPrefix(indentation + " ") && !$0.hasPrefix(indentation + ")")
            }) {
                continue
            }
            let count = end - index + 1
            if count > Self.functionLinesMax {
                findings.append(Finding(path: file.path, line: index + 1, what: "\(count) lines"))
            }
        }
        return findings
    }
}
