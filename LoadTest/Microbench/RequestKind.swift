/// A kind of request as clients send it: batches of text, each what one read would bring.
struct RequestKind: Sendable {
    /// One word, as in `Tools/InstructionCheck/instructions.txt`.
    let name: String
    let requestsPerBatch: Int
    /// The keys of one batch, and more, if its requests name several.
    private let keysPerBatch: Int
    private let text: @Sendable (_ keys: ArraySlice<String>) -> String

    static let keyCount = 9600

    /// Keys of 14 bytes, in an order in which no neighbours follow each other.
    static let keys = (0..<keyCount).map { "key-" + String(10_000_000_000 + $0 * 7919 % keyCount).dropFirst() }

    /// All keys once.
    func batches() -> [[UInt8]] {
        stride(from: 0, to: Self.keyCount, by: keysPerBatch).map {
            Array(text(Self.keys[$0..<$0 + keysPerBatch]).utf8)
        }
    }

    private static func each(
        _ name: String, pipeline: Int = 16, _ line: @escaping @Sendable (_ key: String) -> String
    ) -> RequestKind {
        RequestKind(name: name, requestsPerBatch: pipeline, keysPerBatch: pipeline) { keys in
            keys.map(line).joined()
        }
    }

    private static func set(_ key: String, _ count: Int) -> String {
        "set \(key) 0 0 \(count)\r\n\(String(repeating: "v", count: count))\r\n"
    }

    /// What has to be there before anything is counted.
    static let fill = each("fill", pipeline: 32) { set($0, 100) }

    static let all = [
        each("get") { "get \($0)\r\n" },
        each("gets") { "gets \($0)\r\n" },
        each("get-single", pipeline: 1) { "get \($0)\r\n" },
        each("get-miss") { "get \($0)-no\r\n" },
        RequestKind(name: "multiget-50", requestsPerBatch: 50, keysPerBatch: 50) { keys in
            "get \(keys.joined(separator: " "))\r\n"
        },
        each("mg") { "mg \($0) v\r\n" },
        each("mg-flags") { "mg \($0) k O17 q f t v\r\n" },
        each("gat") { "gat 3600 \($0)\r\n" },
        each("set", pipeline: 32) { set($0, 100) },
        each("set-noreply", pipeline: 32) { "set \($0) 0 0 100 noreply\r\n\(String(repeating: "v", count: 100))\r\n" },
        // Another slab class each time: another chunk, and the old one given back.
        RequestKind(name: "set-resized", requestsPerBatch: 32, keysPerBatch: 16) { keys in
            keys.map { set($0, 160) }.joined() + keys.map { set($0, 100) }.joined()
        },
        each("ms") { "ms \($0) 100 T3600\r\n\(String(repeating: "v", count: 100))\r\n" },
        each("touch") { "touch \($0) 3600\r\n" },
        RequestKind(name: "delete-add", requestsPerBatch: 32, keysPerBatch: 16) { keys in
            keys.map { "delete \($0)\r\n" }.joined()
                + keys.map { "add \($0) 0 0 100\r\n\(String(repeating: "v", count: 100))\r\n" }.joined()
        },
        // Numbers of as many digits whatever is added to them here.
        RequestKind(name: "set-incr", requestsPerBatch: 32, keysPerBatch: 16) { keys in
            keys.map { "set \($0) 0 0 10\r\n5000000000\r\n" }.joined() + keys.map { "incr \($0) 7\r\n" }.joined()
        },
    ]
}
