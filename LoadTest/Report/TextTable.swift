/// Columns for a terminal: the first one to the left, the others to the right, as wide as their widest cell.
package struct TextTable {
    private var rows: [[String]] = []
    /// Columns whose cells are words rather than numbers.
    private let leftColumns: Set<Int>

    /// - Parameter leftColumns: the columns that are set to the left.
    package init(_ head: [String] = [], leftColumns: Set<Int> = [0]) {
        self.leftColumns = leftColumns
        if !head.isEmpty { rows.append(head) }
    }

    package mutating func add(_ row: [String]) { rows.append(row) }

    package var isEmpty: Bool { rows.isEmpty }

    /// One line a row, each begun by `indentation` spaces; nothing hangs over at the right.
    package func lines(indentation: Int = 2) -> [String] {
        let columnCount = rows.map(\.count).max() ?? 0
        let widths = (0..<columnCount).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = String(repeating: " ", count: indentation)
            for (column, cell) in row.enumerated() {
                if column > 0 { line += "  " }
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += leftColumns.contains(column) ? cell + padding : padding + cell
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
