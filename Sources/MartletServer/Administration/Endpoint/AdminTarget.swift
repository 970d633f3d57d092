/// What a request asks for: a path, and behind it `?name=value&...`. Nothing is decoded: no path and no value here
/// needs it.
package struct AdminTarget {
    package let path: Substring
    private let query: [Substring]

    package init(_ text: String) {
        // A proxy's form, with scheme and host in front, is not served.
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = parts.first ?? ""
        query = parts.count > 1 ? parts[1].split(separator: "&") : []
    }

    package func number(_ name: String) -> Int? {
        for pair in query where pair.hasPrefix(name + "=") { return Int(pair.dropFirst(name.utf8.count + 1)) }
        return nil
    }
}
