import ArgumentParser
import LoadWorkload

/// Reads what several options have in common; each error names the option.
enum Reading {
    /// A time: `10`, `500ms`, `2m`.
    static func seconds(_ text: String, _ subject: String) throws -> Double {
        Double(try OptionText(subject, text).nanoseconds(text[...], "the time")) / 1e9
    }

    /// A number: `10000`, `1m`.
    static func count(_ text: String, _ subject: String) throws -> UInt64 {
        try OptionText(subject, text).count(text[...], "the number", from: 1)
    }

    /// One of a few words: the names of an enum's cases.
    static func choice<Choice: CaseIterable>(_ text: String, _ subject: String) throws -> Choice {
        for choice in Choice.allCases where "\(choice)" == text { return choice }
        let words = Choice.allCases.map { "\($0)" }.joined(separator: ", ")
        throw ValidationError("\(subject) '\(text)' is none of \(words).")
    }
}
