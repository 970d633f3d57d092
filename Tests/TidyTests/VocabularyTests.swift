import Testing

/// One word for one thing. These have better ones here: an item, a key, a request, a chunk, a slot, a stripe, ...
@Suite("Tidy: vocabulary")
struct VocabularyTests {
    static let avoided: Set<String> = [
        "entry", "entries", "object", "objects", "record", "records", "block", "blocks", "bin", "bins", "shard",
        "shards",
        "manager", "managers", "helper", "helpers", "util", "utils", "handler", "handlers", "data", "datum",
    ]

    /// Names that are somebody else's, or the protocol's own.
    static let exceptions: Set<String> = [
        // The protocol's word: `CLIENT_ERROR bad data chunk`.
        "badDataChunk",
        // The data block of a refused storage command.
        "blockBytes",
        // SwiftNIO's, Foundation's and the standard library's.
        "ChannelInboundHandler", "ChannelHandlerContext", "addHandler", "data", "Data", "withTaskCancellationHandler",
        "AnyObject", "ObjectIdentifier", "NIOConcurrencyHelpers", "NIOSSLClientHandler", "addHTTPClientHandlers",
    ]

    /// A word that one file's subject cannot do without.
    static let subjects: [(path: String, word: String)] = [
        // The HOT ring is a chain of blocks of handles; pages and chunks are something else.
        ("Sources/MartletStore/", "block"), ("Sources/MartletStore/", "blocks"),
        // What swift-metrics does with a number.
        ("Sources/MartletClientServices/", "record"),
    ]

    @Test("Names in Sources use the project's words")
    func names() {
        let findings = Repository.shared.swiftFiles(in: "Sources").flatMap(strangeNames)

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("Files are named after one thing, and none is a place for leftovers")
    func fileNames() {
        let findings = Repository.shared.paths.filter { $0.hasPrefix("Sources/") && $0.hasSuffix(".swift") }
            .flatMap { path -> [Finding] in
                let name = path.split(separator: "/").last?.dropLast(6) ?? ""
                return strangeWords(in: String(name), path: path).map { Finding(path: path, line: 1, what: $0) }
            }

        #expect(findings.isEmpty, "\(listed(findings))")
    }

    @Test("The rule finds what it is meant to find")
    func teeth() {
        let text =
            "let entryCount = 1 // record\nfunc processInput() {}\nlet process = 1, sa_handler = \"block\", dataBlock = 2\n"
        let file = SwiftFile(path: "a.swift", text: text)

        #expect(strangeNames(file).map(\.what) == ["entryCount", "processInput"])
        #expect(strangeWords(in: "HTTPHandlerUtil") == ["HTTPHandlerUtil"])
    }

    private func strangeNames(_ file: SwiftFile) -> [Finding] {
        file.names.flatMap { name, line in
            strangeWords(in: name, path: file.path).map { Finding(path: file.path, line: line, what: $0) }
        }
    }

    /// The name itself if one of its words is avoided. C's names (with underscores) are not ours.
    private func strangeWords(in name: String, path: String = "") -> [String] {
        guard !name.contains("_"), !Self.exceptions.contains(name) else { return [] }
        let subjects = Self.subjects.filter { path.hasPrefix($0.path) }.map(\.word)
        let words = words(of: name).filter { !subjects.contains($0) }
        // The one block there is: the data block behind a storage command.
        if words.contains("data"), words.contains("block") { return [] }
        // What a server does is not "to process"; a process is one of the system's.
        let isVerb = name.hasPrefix("process") && words.count > 1
        return isVerb || words.contains(where: Self.avoided.contains) ? [name] : []
    }

    /// `HTTPHandlerUtil` is `http`, `handler`, `util`.
    private func words(of name: String) -> [String] {
        var words: [String] = []
        var word = ""
        let letters = Array(name)
        for (index, letter) in letters.enumerated() {
            let startsWord =
                letter.isUppercase
                && (index == 0 || letters[index - 1].isLowercase || letters[index - 1].isNumber
                    || (index + 1 < letters.count && letters[index + 1].isLowercase))
            if startsWord, !word.isEmpty {
                words.append(word.lowercased())
                word = ""
            }
            word.append(letter)
        }
        if !word.isEmpty { words.append(word.lowercased()) }
        return words
    }
}
