/// Small pieces of HTML. Whatever comes from a run (labels, addresses, a server's own words) passes through `text`.
enum Markup {
    /// Text or an attribute's value that cannot end where it stands.
    static func text(_ words: String) -> String {
        var safe = ""
        for letter in words.unicodeScalars {
            switch letter {
            case "&": safe += "&amp;"
            case "<": safe += "&lt;"
            case ">": safe += "&gt;"
            case "\"": safe += "&quot;"
            case "'": safe += "&#39;"
            default: safe.unicodeScalars.append(letter)
            }
        }
        return safe
    }

    /// An element around what is markup already.
    static func element(_ name: String, class style: String = "", _ inside: String) -> String {
        "<\(name)\(style.isEmpty ? "" : " class=\"\(style)\"")>\(inside)</\(name)>"
    }

    static func row(_ cells: [String]) -> String { "<tr>" + cells.joined() + "</tr>\n" }

    /// A table that is scrolled sideways where the page is too narrow.
    static func table(head: [String], rows: [String], class style: String = "") -> String {
        "<div class=\"scroll\"><table class=\"\(style)\">\n<thead>\(row(head.map { element("th", $0) }))</thead>\n"
            + "<tbody>\n\(rows.joined())</tbody></table></div>\n"
    }

    /// The line before the name of a run that has its colour in the charts.
    static func key(_ index: Int) -> String {
        "<svg class=\"key\" viewBox=\"0 0 18 8\" aria-hidden=\"true\">"
            + "<line x1=\"0\" x2=\"18\" y1=\"4\" y2=\"4\" class=\"c\(index % 8)\" stroke-width=\"3\"/></svg>"
    }
}
