/// A Swift file, and its code without comments and strings.
struct SwiftFile {
    let path: String
    let lines: [String]
    /// Like `lines`, with the inside of comments and strings taken out.
    let codeLines: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        codeLines = SwiftFile.code(of: text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// The module (or executable) a file below Sources belongs to.
    var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    /// Every name in the code with the line it stands on: letters, digits and underscores.
    var names: [(name: String, line: Int)] {
        var names: [(String, Int)] = []
        for (index, line) in codeLines.enumerated() {
            for word in line.split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == "_") }) {
                if word.first?.isNumber != true { names.append((String(word), index + 1)) }
            }
        }
        return names
    }

    /// The modules imported, with the line.
    var imports: [(module: String, line: Int)] {
        codeLines.enumerated().compactMap { index, line in
            let words = line.split(separator: " ").map(String.init)
            guard let place = words.firstIndex(of: "import"), place + 1 < words.count,
                words[..<place].allSatisfy({ $0.hasPrefix("@") || Self.modifiers.contains($0) })
            else { return nil }
            let kinds: Set<String> = ["struct", "class", "enum", "func", "var", "let", "protocol", "typealias"]
            let name = kinds.contains(words[place + 1]) ? words[place + 2] : words[place + 1]
            return (name.split(separator: ".").first.map(String.init) ?? name, index + 1)
        }
    }

    private static let modifiers: Set<String> = ["public", "package", "internal", "fileprivate", "private"]

    /// Leaves out comments and the inside of strings, keeps every line end. Interpolations count as string; nested
    /// comments do not occur (`swift format` wants line comments).
    static func code(of text: String) -> String {
        let bytes = Array(text.utf8)
        var code: [UInt8] = []
        var position = 0
        /// What ends the comment or string we are in; nil in code.
        var ending: [UInt8]?
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "\n") {
                code.append(bytes[position])
                if ending == lineEnd || ending == quote { ending = nil }
                position += 1
            } else if let end = ending {
                let isString = end == quote || end == longQuote
                if isString && bytes[position] == UInt8(ascii: "\\") && bytes[safe: position + 1] != lineEnd[0] {
                    position += 2
                } else if bytes[position...].starts(with: end) {
                    position += end.count
                    ending = nil
                } else {
                    position += 1
                }
            } else if let (start, end) = openings.first(where: { bytes[position...].starts(with: $0.0) }) {
                position += start.count
                ending = end
            } else {
                code.append(bytes[position])
                position += 1
            }
        }
        return String(decoding: code, as: UTF8.self)
    }

    private static let lineEnd = Array("\n".utf8)
    private static let quote = Array("\"".utf8)
    private static let longQuote = Array("\"\"\"".utf8)
    private static let openings: [([UInt8], [UInt8])] = [
        (Array("//".utf8), lineEnd), (Array("/*".utf8), Array("*/".utf8)), (longQuote, longQuote), (quote, quote),
    ]
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { index < count ? self[index] : nil }
}
