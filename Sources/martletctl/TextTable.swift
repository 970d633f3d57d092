/// Columns of text: the first flush left, the others flush right.
struct TextTable: CustomStringConvertible {
    /// A longer cell stands out of its column: with a million rows beside it, as a server may have them, blanks of its
    /// width would fill the memory.
    private static let widthMax = 100

    private var rows: [[String]]

    init(_ titles: [String]) { rows = [titles] }

    mutating func append(_ row: [String]) { rows.append(row.map { TerminalText.shown($0) }) }

    var description: String {
        let widths = rows[0].indices.map { column in min(rows.map { $0[column].count }.max() ?? 0, Self.widthMax) }
        return rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                let blanks = String(repeating: " ", count: max(cell.1 - cell.0.count, 0))
                return column == 0 ? cell.0 + blanks : blanks + cell.0
            }
            .joined(separator: "  ")
        }
        .joined(separator: "\n")
    }
}

/// A share as percent with two decimals.
func percent(_ share: Double) -> String { "\(decimal(share * 100))%" }

/// A number with two decimals.
func decimal(_ number: Double) -> String {
    let hundredths = Int((number * 100).rounded())
    let fraction = hundredths % 100
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
}
