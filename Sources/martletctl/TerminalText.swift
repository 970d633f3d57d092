/// Text of servers and files as a terminal may have it: what would command the terminal, or would not be seen, is shown
/// by its number, as `\u{1b}`.
enum TerminalText {
    /// `keepsLines` leaves line ends and tabs as they are.
    static func shown(_ text: String, keepsLines: Bool = false) -> String {
        if text.unicodeScalars.allSatisfy({ isHarmless($0, keepsLines) }) { return text }
        return text.unicodeScalars.reduce(into: "") { shown, scalar in
            if isHarmless(scalar, keepsLines) {
                shown.unicodeScalars.append(scalar)
            } else {
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
    }

    static func isHarmless(_ scalar: Unicode.Scalar, _ keepsLines: Bool = false) -> Bool {
        if (0x20..<0x7F).contains(scalar.value) { return true }
        if keepsLines, scalar == "\n" || scalar == "\t" || scalar == "\r" { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return false
        default: return true
        }
    }
}
