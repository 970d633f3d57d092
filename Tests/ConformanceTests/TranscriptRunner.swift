/// Runs the cases of transcripts against a target, and tells in words what differs.
struct TranscriptRunner {
    let target: any ConformanceTarget
    /// How the bytes of each step are cut into pieces: the positions of the cuts.
    var cuts: (_ count: Int) -> [Int] = { _ in [] }

    /// Counters that `@ counts` compares.
    static let counters = [
        "cmd_get", "cmd_set", "cmd_flush", "cmd_touch", "cmd_meta", "get_hits", "get_misses", "get_expired",
        "get_flushed", "delete_misses", "delete_hits", "incr_misses", "incr_hits", "decr_misses", "decr_hits",
        "cas_misses", "cas_hits", "cas_badval", "touch_hits", "touch_misses", "store_too_large", "store_no_memory",
    ]
    /// Those that must not move more than a line says, and anything where no line names them: memcached counts them for
    /// look-ups that no command asked for, and a dead item may be cleared away before anybody asks for it.
    static let volatileCounters: Set<String> = ["get_expired", "get_flushed"]

    /// Runs one case; nil if all is as expected (or the server cannot do what the case needs).
    func run(_ testCase: Transcript.Case) throws -> String? {
        var state = State()
        _ = try target.ask("flush_all", until: "\r\n")
        if testCase.steps.contains(where: { if case .counts = $0.action { true } else { false } }) {
            state.counters = try target.statistics()
        }
        defer { for connection in state.connections { target.close(connection) } }
        for step in testCase.steps where step.applies(to: target.flavour) {
            switch try run(step, &state) {
            case .asExpected: continue
            case .impossible: return nil
            case .differs(let what): return "line \(step.line): \(what)"
            }
        }
        for connection in state.connections.subtracting(state.closed) {
            if let what = try settle(connection, &state) { return "at the end of connection \(connection): \(what)" }
        }
        return nil
    }

    private struct State {
        var connection = "1"
        var connections: Set<String> = []
        var closed: Set<String> = []
        var received: [String: ArraySlice<UInt8>] = [:]
        var memory: [String: UInt64] = [:]
        var counters: [String: Int] = [:]
    }

    private enum Result {
        case asExpected, impossible
        case differs(String)
    }

    private func run(_ step: Transcript.Step, _ state: inout State) throws -> Result {
        switch step.action {
        case .send(let text):
            try send(try text.bytes(state.memory), &state)
            return .asExpected
        case .expect(let text):
            return try expect(text, &state).map { .differs($0) } ?? .asExpected
        case .connection(let name):
            state.connection = name
            return .asExpected
        case .expectClosed:
            try openIfNew(&state)
            state.closed.insert(state.connection)
            while let more = try target.receive(on: state.connection) {
                state.received[state.connection, default: []] += more
            }
            let rest = state.received[state.connection] ?? []
            if !rest.isEmpty { return .differs("expected the end, got \(Self.shown(rest))") }
            return target.isClosed(state.connection) ? .asExpected : .differs("the connection is still open")
        case .advance(let seconds):
            return try target.advance(seconds: seconds) ? .asExpected : .impossible
        case .counts(let wanted):
            return try compare(wanted, &state)
        }
    }

    private func openIfNew(_ state: inout State) throws {
        if state.connections.insert(state.connection).inserted { try target.open(state.connection) }
    }

    private func send(_ bytes: [UInt8], _ state: inout State) throws {
        try openIfNew(&state)
        var start = 0
        for cut in cuts(bytes.count) + [bytes.count] where cut > start && cut <= bytes.count {
            try target.send(Array(bytes[start..<cut]), on: state.connection)
            start = cut
        }
    }

    private func expect(_ text: WireText, _ state: inout State) throws -> String? {
        try openIfNew(&state)
        while true {
            let received = state.received[state.connection] ?? []
            switch try text.match(received, &state.memory) {
            case .matched(let count):
                state.received[state.connection] = received.dropFirst(count)
                return nil
            case .differs:
                return "expected \(Self.shown(text)), got \(Self.shown(received))"
            case .needsMore:
                guard let more = try target.receive(on: state.connection) else {
                    return "expected \(Self.shown(text)), got \(Self.shown(received)) and no more"
                }
                state.received[state.connection] = received + more
            }
        }
    }

    /// Asks for a sign of life, which must be the only thing still to come.
    private func settle(_ connection: String, _ state: inout State) throws -> String? {
        state.connection = connection
        try target.send(Array("mn\r\n".utf8), on: connection)
        return try expect(WireText("MN\\r\\n"), &state)
    }

    private func compare(_ wanted: [String: Int], _ state: inout State) throws -> Result {
        let now = try target.statistics()
        var moved: [String: Int] = [:]
        for name in Self.counters {
            var difference = (now[name] ?? 0) - (state.counters[name] ?? 0)
            if Self.volatileCounters.contains(name), difference <= wanted[name] ?? .max {
                difference = wanted[name] ?? 0
            }
            if difference != 0 { moved[name] = difference }
        }
        state.counters = now
        return moved == wanted ? .asExpected : .differs("expected \(wanted) to move, but \(moved) did")
    }

    // MARK: Telling

    private static func shown(_ bytes: ArraySlice<UInt8>) -> String {
        let text = bytes.prefix(120).map { byte in
            switch byte {
            case 13: "\\r"
            case 10: "\\n"
            case 32..<127: String(UnicodeScalar(byte))
            default: "\\x" + String(byte, radix: 16)
            }
        }.joined()
        return bytes.count > 120 ? "\"\(text)\"... (\(bytes.count) bytes)" : "\"\(text)\""
    }

    private static func shown(_ text: WireText) -> String {
        text.parts.map { part in
            switch part {
            case .bytes(let bytes): shown(bytes[...])
            case let other: "{\(other)}"
            }
        }.joined(separator: " ")
    }
}
