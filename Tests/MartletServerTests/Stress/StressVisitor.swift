import Glibc
import ServerTesting

/// Comes, asks for a few things and leaves, as often as not in the middle of something. What it is told must be right;
/// that its connection may end at any time is not for it to judge.
final class StressVisitor: StressPart, @unchecked Sendable {
    // Unchecked as its base.

    override func play() throws {
        defer { stage.end() }
        for visit in 0..<max(StressStage.operations / 160, 20) {
            do {
                try self.visit("visit-\(number)-\(visit)")
                counts["visits", default: 0] += 1
            } catch let strange as StressConversation.Strange {
                fault("\(strange)")
            } catch {
                counts["visits cut short", default: 0] += 1
            }
        }
    }

    private func visit(_ key: String) throws {
        let conversation = try come()
        // Not more often than an address may have tokens refused without waiting for it.
        let isTrying = random.below(20) == 0 && counts["refused logins", default: 0] < 15
        if isTrying, try !conversation.logIn(StressStage.changingToken) {
            counts["refused logins", default: 0] += 1
        }
        try conversation.logIn()
        for _ in 0...random.below(4) { try ask(conversation, key) }
        try leave(conversation, key)
        conversation.client.close()
    }

    private func come() throws -> StressConversation {
        #if TLS
        if let port = stage.encryptedPort, random.below(3) == 0 {
            let wishes = TLSClient.Wishes(versions: random.below(2) == 0 ? 2...2 : 2...3)
            let conversation = StressConversation(try TLSClient(port: port, wishes))
            counts["encrypted visits", default: 0] += 1
            return conversation
        }
        #endif
        return StressConversation(try TestClient(port: stage.plainPort))
    }

    private func ask(_ conversation: StressConversation, _ key: String) throws {
        switch random.below(6) {
        case ..<2:
            // Some of what others store.
            let keys = (0..<1 + random.below(8)).map { _ in StressSteady.key(random.below(3), random.below(100)) }
            for item in try conversation.get(keys) where !StressValue.isWhole(item.key, item.flags, item.value) {
                fault("\(item.key) is not whole")
            }
        case ..<4:
            let count = random.below(random.below(4) == 0 ? 40_000 : 500)
            let flags = UInt32(random.below(1000))
            try conversation.send(StressValue.set(key, flags, random.below(2) * 3, count))
            let answer = try conversation.line()
            guard answer == "STORED" else {
                if !answer.hasPrefix("SERVER_ERROR out of memory") { fault("set: \(answer)") }
                return
            }
            for item in try conversation.get([key])
            where item.flags != flags || item.value.count != count || !StressValue.isWhole(key, flags, item.value) {
                fault("\(key) is \(item.value.count) B of \(item.flags), not \(count) B of \(flags)")
            }
        case ..<5:
            let answer = try conversation.ask("incr visits 1\r\n")
            if answer == "NOT_FOUND" { _ = try conversation.ask("add visits 0 0 1\r\n0\r\n") }
        default: _ = try conversation.list("config get cluster\r\n")
        }
    }

    private func leave(_ conversation: StressConversation, _ key: String) throws {
        switch random.below(8) {
        case 0: try conversation.send("quit\r\n")
        case 1:
            var hard = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                conversation.client.descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
        case 2: try conversation.send("get half of a li")
        case 3, 4:
            // In the middle of a value: one that waits in the connection, or one in its place in the store.
            let count = random.below(2) == 0 ? 5000 : 60_000
            try conversation.send(Array(StressValue.set(key, 1, 0, count).prefix(40 + random.below(count))))
        case 5:
            // Without having read.
            let keys = (0..<20).map { StressSteady.key(0, $0) }
            try conversation.send("get \(keys.joined(separator: " "))\r\n")
        case 6: try conversation.send("nonsense\r\n")
        default: break
        }
    }
}
