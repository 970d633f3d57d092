/// A batch of requests that is sent again and again.
struct Workload {
    let name: String
    let request: [UInt8]
    let requestCount: Int

    /// What a batch may allocate. Nothing, as long as it is one read and one turn.
    let allocationsMax: Int

    /// Every batch ends with `mn`, whose reply is the last thing to arrive.
    static let ending = "MN\r\n"

    private init(_ name: String, _ lines: [String], allocationsMax: Int = 0) {
        self.name = name
        self.allocationsMax = allocationsMax
        requestCount = lines.count
        request = Array((lines.joined() + "mn\r\n").utf8)
    }

    /// With the closing `mn` just what one turn carries out.
    private static let keys = (0..<63).map { "key-\($0)" }
    private static let value = String(repeating: "v", count: 100)
    private static let larger = String(repeating: "w", count: 3000)

    /// A cache's daily work: free of allocations and of reference counting in steady state.
    static let all = [
        Workload("set, 100 B", keys.map { "set \($0) 7 0 100\r\n\(value)\r\n" }),
        Workload("get, one at a time", ["get key-1\r\n"]),
        Workload("get, pipelined", keys.map { "get \($0)\r\n" }),
        Workload("gets, 63 keys at once", ["gets \(keys.joined(separator: " "))\r\n"]),
        Workload("get, misses", keys.map { "get no-\($0)\r\n" }),
        Workload("mg", keys.map { "mg \($0) v f c t k O1\r\n" }),
        Workload("ms", keys.map { "ms \($0) 100 T60\r\n\(value)\r\n" }),
        Workload("touch and gat", keys.prefix(30).flatMap { ["touch \($0) 60\r\n", "gat 60 \($0)\r\n"] }),
        Workload("set, 3000 B", keys.prefix(5).map { "set \($0) 0 0 3000\r\n\(larger)\r\n" }),
        Workload("get, 3000 B", keys.prefix(5).map { "get \($0)\r\n" }),
        Workload("delete and add", keys.prefix(30).flatMap { ["delete \($0)\r\n", "add \($0) 0 0 2\r\n10\r\n"] }),
        Workload("incr and decr", keys.prefix(30).flatMap { ["incr \($0) 5\r\n", "decr \($0) 5\r\n"] }),
        // What a turn leaves over is kept in memory of its own until the next turn.
        Workload("get, more than a turn carries out", (keys + keys).map { "get \($0)\r\n" }, allocationsMax: 1),
    ]
}
