import Testing

/// Notes to oneself and traces of one machine have no place in a repository.
@Suite("Tidy: leftovers")
struct LeftoverTests {
    /// Put together from halves: this file is searched as well.
    static let notes = ["TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK:"]
    static let machinePaths = [
        "/wo" + "rk/", "/tmp/" + "ref", "/tmp/" + "wt", "/ro" + "ot/", "/opt/" + "swift", "/ho" + "me/",
    ]

    @Test("Nothing is left to be done later")
    func leftNotes() {
        let findings = findings(of: Self.notes)

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("No path of the machine it was written on")
    func paths() {
        let findings = findings(of: Self.machinePaths)

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("The rule finds what it is meant to find")
    func teeth() {
        let text = "one\ntwo // \(Self.notes[0]) later\n"

        #expect(occurrences(of: Self.notes, in: text, path: "a") == [Finding(path: "a", line: 2, what: Self.notes[0])])
        #expect(occurrences(of: Self.machinePaths, in: "network/x\n", path: "a").isEmpty)
        #expect(occurrences(of: Self.machinePaths, in: "a \(Self.machinePaths[0])x", path: "a").count == 1)
    }

    private func findings(of words: [String]) -> [Finding] {
        Repository.shared.paths.flatMap { path in
            Repository.shared.text(path).map { occurrences(of: words, in: $0, path: path) } ?? []
        }
    }

    private func occurrences(of words: [String], in text: String, path: String) -> [Finding] {
        guard words.contains(where: text.contains) else { return [] }
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap { index, line in
            words.filter { word in
                line.ranges(of: word).contains { range in
                    // `network/` is not a path, and `AUTODOC` no note.
                    let before = range.lowerBound == line.startIndex ? " " : line[line.index(before: range.lowerBound)]
                    return !before.isLetter && !before.isNumber
                }
            }
            .map { Finding(path: path, line: index + 1, what: $0) }
        }
    }
}
