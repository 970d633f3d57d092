import Glibc

extension Exhaustion {
    /// For a while the system gives the process no more memory at all, whatever that asks for it: its limit for data is
    /// what it has.
    ///
    /// Meanwhile connections come, and want what needs memory: half commands, large values, lists that nobody reads,
    /// statistics, dumps, watching. Whatever cannot be had is refused with a word or costs that connection.
    static func refusedMemory(_ program: String) throws -> String {
        try serve(program, ["-m", "64", "-t", "2"], grace: 80) { server in
            try store(1200, of: 50_000, server)
            guard server.limitData(to: server.memoryBytes("VmData")) else {
                throw Skipped(description: "the server's limits cannot be changed here")
            }
            var tally = Tally()
            let end = Peer.now + 3_000_000
            while Peer.now < end { tally.press(server.endpoint, until: end) }
            try require(server.limitData(to: nil), "the server's limits cannot be changed back: has it ended?")
            try require(tally.refusalCount > 0, "nothing was refused: no trial")
            try Peer(server.endpoint).expect("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            let statistics = try server.statistics()
            try require(statistics["pid"] != nil, "stats is not answered")
            return "for 3 s no memory beyond what the server had: \(tally)"
        }
    }

    /// What became of those who wanted memory.
    private struct Tally: CustomStringConvertible {
        private var askedCount = 0
        private var answeredCount = 0
        private var closedCount = 0
        private(set) var refusalCount = 0
        private var round = 0
        /// The latest of those who stay and hold what they can.
        private var holders: [Peer] = []

        private static let holdersMax = 400
        private static let questions = [
            "stats", "stats settings", "stats items", "stats slabs", "stats conns", "stats sizes", "stats martlet",
            "lru_crawler metadump all", "lru_crawler mgdump all", "me v1199",
        ]
        private static let list = "get" + String(repeating: " v1199", count: 200) + "\r\n"
        private static let half = "get " + String(repeating: "k", count: 1500)
        private static let large = Array("set big 0 0 900000\r\n".utf8) + [UInt8](repeating: 0x78, count: 300_000)

        /// A few connections that want this and that.
        mutating func press(_ endpoint: Endpoint, until end: Int) {
            round += 1
            for question in Self.questions where Peer.now < end { ask(question, endpoint) }
            for kind in 0..<4 {
                guard let peer = try? Peer(endpoint) else { continue }
                switch (round + kind) % 4 {
                case 0: peer.send(Self.half)
                case 1: _ = peer.send(Self.large, patienceMilliseconds: 2)
                case 2: peer.send("watch mutations\r\n")
                default: peer.send(Self.list)
                }
                holders.append(peer)
            }
            if holders.count > Self.holdersMax { holders.removeFirst(holders.count / 2) }
        }

        private mutating func ask(_ question: String, _ endpoint: Endpoint) {
            askedCount += 1
            guard let peer = try? Peer(endpoint) else { return closedCount += 1 }
            peer.send(question + "\r\n")
            switch peer.answer() {
            case .line(let line) where line.hasPrefix("SERVER_ERROR out of memory"): refusalCount += 1
            case .line: answeredCount += 1
            case .closed, .silent: closedCount += 1
            }
        }

        var description: String {
            "of \(askedCount) rare commands \(answeredCount) answered, \(refusalCount) refused, \(closedCount) closed"
        }
    }
}
