/// A command line as a user writes it, split into words the way a shell does it: spaces separate, single and double
/// quotes keep together, a backslash takes the next letter as it is. Nothing is expanded.
package struct CommandWords: Equatable, Sendable {
    package var words: [String]

    package init(_ words: [String]) { self.words = words }

    package init(parsing text: String) throws(ComparisonError) {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var isEscaped = false
        for letter in text {
            if isEscaped {
                word = (word ?? "") + String(letter)
                isEscaped = false
            } else if letter == "\\", quote != "'" {
                isEscaped = true
                word = word ?? ""
            } else if let open = quote {
                if letter == open { quote = nil } else { word = (word ?? "") + String(letter) }
            } else if letter == "'" || letter == "\"" {
                quote = letter
                word = word ?? ""
            } else if letter.isWhitespace {
                if let whole = word { words.append(whole) }
                word = nil
            } else {
                word = (word ?? "") + String(letter)
            }
        }
        guard quote == nil, !isEscaped else {
            throw .usage("'\(text)' ends in the middle of a quoted word")
        }
        if let whole = word { words.append(whole) }
        self.words = words
    }

    /// Whether `{name}` is anywhere in it.
    package func contains(_ name: String) -> Bool { words.contains { $0.contains("{\(name)}") } }

    /// Each `{name}` replaced by its value; names without a value stay.
    package func filled(_ values: [String: String]) -> CommandWords {
        CommandWords(
            words.map { word in
                values.reduce(word) { $0.replacing("{\($1.key)}", with: $1.value) }
            })
    }

    /// As a user could type it again.
    package var text: String {
        words.map { word in
            let isPlain = !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "-_./:,=+@%{}".contains($0) }
            return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
        }
        .joined(separator: " ")
    }
}
